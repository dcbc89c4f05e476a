import react from "@vitejs/plugin-react";
import { defaultClientConditions, defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  // In the repository the packages are taken from their sources; elsewhere this finds nothing, and is not needed.
  resolve: { conditions: ["@millrace/source", ...defaultClientConditions] },
  // For `npm run dev`: the page with hot reload, beside a server that was started with `npm start`.
  server: { port: 5180, proxy: { "/api": "http://127.0.0.1:5173" } },
});
