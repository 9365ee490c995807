/// Speaks HTTP with servers on this machine, by the program's own client.
public struct ModelServerClient: Sendable {
    public enum Method: Sendable { case get, post }

    public struct Answer: Hashable, Sendable {
        public var status: Int
        /// The beginning of the body.
        public var text: String

        public init(status: Int, text: String) {
            self.status = status
            self.text = text
        }
    }

    public typealias Ask =
        @Sendable (_ method: Method, _ url: String, _ patience: Duration) async throws -> Answer

    let ask: Ask

    /// - Parameter ask: makes one request; a POST carries an empty object of JSON. The server is a user's own: it is not
    ///   followed to other addresses, and not more than a few KiB of its answer are read. `http+unix://PATH` with the path
    ///   percent-encoded is a Unix socket. Throws where no answer comes in time.
    public init(ask: @escaping Ask) { self.ask = ask }
}
