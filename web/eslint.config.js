import js from '@eslint/js';
import reactHooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['dist', 'node_modules', 'src/generated'] },
  js.configs.recommended,
  {
    files: ['src/**/*.{ts,tsx}'],
    extends: [...tseslint.configs.recommendedTypeChecked, ...tseslint.configs.stylisticTypeChecked],
    plugins: { 'react-hooks': reactHooks },
    languageOptions: {
      parserOptions: { project: './tsconfig.app.json', tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      ...reactHooks.configs.recommended.rules,
      // We do not use the React compiler, so what it cannot memoize does not matter.
      'react-hooks/incompatible-library': 'off',
      '@typescript-eslint/consistent-type-definitions': ['error', 'interface'],
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: false }],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      'max-lines': ['error', 400],
      'max-lines-per-function': ['error', { max: 120, skipComments: true }],
      'no-console': 'error',
    },
  },
  {
    files: ['dev/*.mjs', 'e2e/*.mjs', '*.ts', '*.js'],
    languageOptions: {
      globals: {
        process: 'readonly', console: 'readonly', URL: 'readonly', setInterval: 'readonly',
        setTimeout: 'readonly', clearInterval: 'readonly', Buffer: 'readonly', document: 'readonly',
        window: 'readonly', localStorage: 'readonly', fetch: 'readonly',
      },
    },
  },
  { files: ['*.ts'], extends: [tseslint.configs.base] },
);
