// SQLite's native part is loaded once for a process and keeps the error class of the suite that first opened a database;
// in the next suite of that process its errors would be no `instanceof` anything. So each suite introduces its own.
import { createRequire } from 'node:module';

const addon = createRequire(import.meta.url)('better-sqlite3/build/Release/better_sqlite3.node');
addon.isInitialized = false;
