import assert from "node:assert/strict";
import { LoginThrottle } from "./login_throttle.ts";

function throttleAt(): { throttle: LoginThrottle; clock: { ms: number } } {
  const clock = { ms: 1000 };
  return { throttle: new LoginThrottle(() => clock.ms), clock };
}

/** Fails `times` times, each as soon as it may. */
function fail(
  { throttle, clock }: ReturnType<typeof throttleAt>,
  times: number,
  who: { login: string; address: string },
): void {
  for (let i = 0; i < times; i++) {
    clock.ms += throttle.waitMs(who.login, who.address);
    throttle.failed(who.login, who.address);
  }
}

const ANNE = { login: "anne", address: "192.0.2.1" };

Deno.test("LoginThrottle lets five failures pass, then doubles the wait to 15 minutes", () => {
  const test = throttleAt();
  const waits = Array.from({ length: 18 }, () => {
    fail(test, 1, ANNE);
    return test.throttle.waitMs(ANNE.login, ANNE.address) / 1000;
  });
  assert.deepEqual(waits, [
    ...[0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512],
    ...[900, 900, 900, 900],
  ]);
});

Deno.test("LoginThrottle does not lock the login out for other addresses", () => {
  const test = throttleAt();
  fail(test, 10, ANNE);
  assert.equal(test.throttle.waitMs("anne", "198.51.100.7"), 0);
});

Deno.test("LoginThrottle slows one address that tries many logins", () => {
  const test = throttleAt();
  for (let i = 0; i < 20; i++) fail(test, 1, { ...ANNE, login: `user${i}` });
  assert.equal(test.throttle.waitMs("another", ANNE.address), 1000);
});

Deno.test("LoginThrottle forgets after an hour without failure, and at a success", () => {
  const test = throttleAt();
  fail(test, 9, ANNE);
  assert.ok(test.throttle.waitMs(ANNE.login, ANNE.address) > 0);
  test.throttle.succeeded(ANNE.login, ANNE.address);
  assert.equal(test.throttle.waitMs(ANNE.login, ANNE.address), 0);
  fail(test, 9, ANNE);
  test.clock.ms += 3_600_001;
  fail(test, 4, ANNE);
  assert.equal(test.throttle.waitMs(ANNE.login, ANNE.address), 0);
});

Deno.test("LoginThrottle holds a bounded number of counters", () => {
  const test = throttleAt();
  fail(test, 6, ANNE);
  for (let i = 0; i < 10_000; i++) {
    test.throttle.failed("x", `2001:db8::${i.toString(16)}`);
  }
  assert.equal(test.throttle.waitMs(ANNE.login, ANNE.address), 0);
});
