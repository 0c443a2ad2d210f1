import { defineConfig } from "vitest/config"

/**
 * Unit tests run side by side, and those of one worker share its modules: to import them anew for each file took a third of
 * the time. They come last: before them, of those that start processes two files run at once, and those that measure take
 * turns.
 */
const MEASURING = ["chaos", "forgetting", "leak", "load"].map((name) => `test/integration/${name}.test.ts`)

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
          maxWorkers: 2,
          sequence: { groupOrder: 1 }
        }
      },
      {
        extends: true,
        test: {
          name: "integration",
          // What weighs the heap must have it to itself.
          include: ["integration", "browser", "fuzz"].map((folder) => `test/${folder}/**/*.test.ts`),
          exclude: MEASURING,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          maxWorkers: 2
        }
      },
      {
        extends: true,
        test: {
          name: "alone",
          include: MEASURING,
          testTimeout: 60_000,
          fileParallelism: false
        }
      }
    ]
  }
})
