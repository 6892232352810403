// Compiles TypeScript for jest with esbuild: types are checked by `npm run types`, so here they are only removed.
import { transformSync } from 'esbuild';

export default {
  process(source, path) {
    return transformSync(source, {
      loader: 'ts',
      format: 'esm',
      target: 'node20',
      sourcemap: 'inline',
      sourcefile: path,
      // As in the build: only what is marked `import type` goes away.
      tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
    });
  },
};
