/// What callers over the network and joining agents show for themselves.
public struct AccessToken: Sendable {
    private let text: String

    public init(_ text: String) { self.text = text }

    /// Whether `shown` is it; takes as long for any wrong token as for any other.
    public func matches(_ shown: some StringProtocol) -> Bool {
        guard shown.utf8.count == text.utf8.count else { return false }
        return zip(shown.utf8, text.utf8).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
