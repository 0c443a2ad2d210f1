import { defineConfig } from "vitest/config"

/**
 * Unit tests run side by side, and those of one worker share its modules: to import them anew for each file took a third of
 * the time. They come last: before them, of those that start processes three files run at once, and those in a browser take
 * turns.
 */
export default defineConfig({
  test: {
    globalSetup: ["test/setup.ts"],
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/integration/**", "test/browser/**", "test/fuzz/**"],
          testTimeout: 30_000,
          isolate: false,
          sequence: { groupOrder: 1 }
        }
      },
      {
        extends: true,
        test: {
          name: "integration",
          // What weighs the heap must have it to itself.
          include: ["test/integration/**/*.test.ts", "test/fuzz/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          maxWorkers: 3
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
