// jest runs every suite inside an AsyncLocalStorage of its own, and never disables it: a process that has had fifty suites would
// pay for all of them at every promise. What earlier suites have used is let go of when the next one starts.
import { AsyncLocalStorage } from 'node:async_hooks';

const { prototype } = AsyncLocalStorage;
const { run } = prototype;

if (run.used === undefined) {
  const used = new Set();
  prototype.run = Object.assign(
    function (...given) {
      used.add(this);
      return Reflect.apply(run, this, given);
    },
    { used },
  );
} else {
  for (const storage of run.used) storage.disable();
  run.used.clear();
}
