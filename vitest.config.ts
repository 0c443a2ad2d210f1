import { defineConfig } from "vitest/config"

/** Unit tests share nothing and run side by side; of those that start processes two files do, and those in a browser take turns. */
export default defineConfig({
  test: {
    globalSetup: ["test/setup.ts"],
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/integration/**", "test/browser/**"],
          testTimeout: 30_000
        }
      },
      {
        extends: true,
        test: {
          name: "integration",
          include: ["test/integration/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          maxWorkers: 2
        }
      },
      {
        extends: true,
        test: {
          name: "browser",
          include: ["test/browser/**/*.test.ts"],
          testTimeout: 60_000,
          fileParallelism: false
        }
      }
    ]
  }
})
