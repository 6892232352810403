// For suites that run against PostgreSQL. Importing this file is what asks `npm test` to start one.
import { describeWith } from './equipment.js';

/**
 * `body` is given the `postgres://` address of an empty database, shared by all suites of the run, and a superuser's
 * rights: a suite makes a database or a schema of its own.
 */
export function describeWithPostgres(title: string, body: (url: string) => void): void {
  describeWith('postgres', title, body);
}
