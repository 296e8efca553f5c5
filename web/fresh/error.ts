/** An error that ends a request with an HTTP status. Its message is shown to whoever asked. */
export class HttpError extends Error {
  override readonly name = "HttpError";
  readonly status: number;
  constructor(status: number, message?: string, options?: ErrorOptions) {
    super(message ?? "", options);
    this.status = status;
  }
}
