import js from "@eslint/js";
import globals from "globals";

export default [
  js.configs.recommended,
  {
    languageOptions: { globals: { ...globals.browser, ...globals["shared-node-browser"] } },
    rules: { eqeqeq: "error", "no-unused-vars": ["error", { varsIgnorePattern: "^_" }], "prefer-const": "error" },
  },
  { files: ["**/tests/*.js"], languageOptions: { globals: globals.node } },
];
