// Lint rules beyond the type checker: promises are awaited, nothing is `any`, functions stay small, no test is left out.
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** A factory holds its use cases as functions inside it: each is measured by itself, and the factory by what is left. */
const shortFunctions = {
  meta: { schema: [{ type: 'integer' }] },
  create(context) {
    const [most] = context.options;
    const linesInside = [0];
    const enter = () => linesInside.push(0);
    const leave = (node) => {
      const all = node.loc.end.line - node.loc.start.line + 1;
      const own = all - linesInside.pop();
      linesInside[linesInside.length - 1] += all - 1;
      if (own > most)
        context.report({ node, message: `This function has ${own} lines of its own, of ${most}.` });
    };
    const functions = ':matches(FunctionDeclaration, FunctionExpression, ArrowFunctionExpression)';
    return { [functions]: enter, [`${functions}:exit`]: leave };
  },
};

export default defineConfig(
  { ignores: ['dist', 'data', 'node_modules'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: { parserOptions: { project: './tsconfig.json' } },
    plugins: { house: { rules: { 'short-functions': shortFunctions } } },
    rules: {
      eqeqeq: 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { disallowTypeAnnotations: false }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      // Factories return closures and only errors are classes: no method here knows a `this`.
      '@typescript-eslint/unbound-method': 'off',
      'house/short-functions': ['error', 60],
      'no-console': 'error',
    },
  },
  {
    files: ['test/**'],
    rules: {
      'house/short-functions': 'off',
      'no-console': 'off',
      'no-restricted-properties': [
        'error',
        ...['describe', 'it', 'test'].map((object) => ({
          object,
          property: 'only',
          message: 'It would leave every other test out.',
        })),
      ],
    },
  },
  { files: ['**/*.js'], extends: [tseslint.configs.disableTypeChecked] },
);
