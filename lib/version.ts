/** The version that every program prints and every package carries. */
export const VERSION = "0.1.0";
