/** Where libraries of the system are: a scoped `--allow-ffi` knows absolute paths alone. @module */

/** The C library, by distribution and processor. */
export const LIBC_PATHS = [
  "/usr/lib/x86_64-linux-gnu/libc.so.6",
  "/usr/lib64/libc.so.6",
  "/usr/lib/aarch64-linux-gnu/libc.so.6",
] as const;
