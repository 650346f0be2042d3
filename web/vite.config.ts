import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

// `npm run dev` talks to the mock server, or to a console named by CAUSEWAY_CONSOLE.
const console_url = process.env['CAUSEWAY_CONSOLE'] ?? 'http://127.0.0.1:8099';

export default defineConfig({
  plugins: [react()],
  // Fonts and icons stay files: the console's content security policy has no `data:` for fonts.
  build: { target: 'es2022', assetsInlineLimit: 0, chunkSizeWarningLimit: 700 },
  server: { host: '127.0.0.1', proxy: { '/api': { target: console_url, changeOrigin: false } } },
  test: { include: ['src/**/*.test.ts', 'dev/*.test.mjs'] },
});
