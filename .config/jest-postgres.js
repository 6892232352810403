// For the stories that run a second time: every house opens on PostgreSQL (test/support/app.ts).
process.env.TEST_ENGINE = 'postgres';
