import { HttpError } from "fresh";

/** Bytes of the largest form. */
const FORM_MAX = 64 * 1024;

/**
 * The fields of a form as text; a file counts as absent.
 *
 * @throws {HttpError} 413 or 400.
 */
export async function readForm(request: Request): Promise<URLSearchParams> {
  // A body without a stated length could be of any.
  const length = Number(request.headers.get("content-length") ?? Infinity);
  if (!(length <= FORM_MAX)) throw new HttpError(413, "The form is too large");
  const type = request.headers.get("content-type") ?? "";
  if (!type.startsWith("application/x-www-form-urlencoded")) {
    throw new HttpError(400, "The form is not one that this page sent");
  }
  return new URLSearchParams(await request.text());
}
