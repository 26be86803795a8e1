import preact from "@preact/preset-vite";
import { defineConfig } from "vite";

// Built into the Python package, which serves it: users need no Node. Paths are relative, for any address.
export default defineConfig({
  base: "./",
  plugins: [preact()],
  build: { outDir: "../data/panel", emptyOutDir: true, target: "es2022", sourcemap: false, assetsInlineLimit: 0,
    rollupOptions: { output: { entryFileNames: "assets/panel.js", assetFileNames: "assets/panel[extname]" } },
  },
  test: { environment: "node", include: ["test/**/*.test.ts"] },
} as Parameters<typeof defineConfig>[0]);
