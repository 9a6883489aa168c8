// Runs the tests of the page's modules in a browser: the little of node:test and node:assert/strict that they use.

const tests = [];

export default function test(name, work) {
  tests.push({ name, work });
}

function fail(message, detail = "") {
  throw new Error(detail ? `${detail}: ${message}` : message);
}

// Sorts the names of every object, so that objects are equal whatever the order of theirs.
function canonical(value) {
  return JSON.stringify(value, (_, inner) => {
    if (inner === undefined) return "(undefined)";
    if (inner === null || typeof inner !== "object" || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([first], [second]) => (first < second ? -1 : 1)));
  });
}

export const assert = {
  equal(actual, expected, detail) {
    if (!Object.is(actual, expected)) fail(`${actual} is not ${expected}`, detail);
  },
  deepEqual(actual, expected, detail) {
    const [left, right] = [canonical(actual), canonical(expected)];
    if (left !== right) fail(`${left} is not ${right}`, detail);
  },
  async rejects(promise, kind) {
    const error = await promise.then(() => null, (reason) => reason);
    if (!(error instanceof kind)) fail(`${error} is not a ${kind.name}`);
  },
};

// Resolves to the number of tests and the failures, each as one line.
export async function run() {
  const failures = [];
  for (const { name, work } of tests) {
    try {
      await work();
    } catch (error) {
      failures.push(`${name}: ${error.message}`);
    }
  }
  return { count: tests.length, failures };
}
