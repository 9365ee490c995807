public import BerthModel
import Crypto
import Foundation

/// Keeps the values of secret environment variables out of the journal: each in a file of its own that only the
/// controller's user can read. The journal has a keyed digest in their place.
public struct SecretStore: Sendable {
    private let directory: URL
    private let key: SymmetricKey
    /// Upper-case patterns with `*`; a variable whose name matches one holds a secret.
    private let patterns: [String]

    /// - Parameter directory: made with mode 0700 where it is not there.
    public init(directory path: String, patterns: [String]) throws {
        directory = URL(fileURLWithPath: path, isDirectory: true)
        self.patterns = patterns
        try FileManager.default.createDirectory(
            at: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let keyFile = directory.appendingPathComponent("key")
        if let data = try? Data(contentsOf: keyFile) {
            key = SymmetricKey(data: data)
        } else {
            key = SymmetricKey(size: .bits256)
            try Self.write(key.withUnsafeBytes { Data($0) }, to: keyFile)
        }
    }

    private static func write(_ data: Data, to file: URL) throws {
        let partial = file.appendingPathExtension("partial")
        let attributes: [FileAttributeKey: Any] = [.posixPermissions: 0o600]
        guard FileManager.default.createFile(atPath: partial.path, contents: data, attributes: attributes),
            rename(partial.path, file.path) == 0
        else {
            throw SecretError(
                description: "A secret cannot be kept in \(file.path): \(String(cString: strerror(errno))).")
        }
    }

    private func isSecret(_ name: String) -> Bool {
        let name = name.uppercased()
        return patterns.contains { Self.matches(name[...], $0.uppercased()[...]) }
    }

    private static func matches(_ text: Substring, _ pattern: Substring) -> Bool {
        guard let first = pattern.first else { return text.isEmpty }
        if first == "*" {
            return matches(text, pattern.dropFirst()) || (!text.isEmpty && matches(text.dropFirst(), pattern))
        }
        return text.first == first && matches(text.dropFirst(), pattern.dropFirst())
    }

    /// Replaces the values of secret variables by their digests, after keeping them.
    func concealed(_ environment: [String: EnvironmentValue]) throws -> [String: EnvironmentValue] {
        try environment.reduce(into: [:]) { result, entry in
            guard case .plain(let value) = entry.value, isSecret(entry.key) else {
                result[entry.key] = entry.value
                return
            }
            let digest = HMAC<SHA256>.authenticationCode(for: Data(value.utf8), using: key)
                .map { String(format: "%02x", $0) }.joined()
            try Self.write(Data(value.utf8), to: directory.appendingPathComponent(digest))
            result[entry.key] = .secret(digest: digest)
        }
    }

    /// Puts the values back, for an attempt that starts.
    func revealed(_ environment: [String: EnvironmentValue]) throws -> [String: EnvironmentValue] {
        try environment.mapValues { value in
            guard case .secret(let digest) = value else { return value }
            guard digest.allSatisfy(\.isHexDigit), digest.count == 64,
                let data = try? Data(contentsOf: directory.appendingPathComponent(digest))
            else {
                throw SecretError(description: "A secret of the job's environment is no longer kept. Submit it again.")
            }
            return .plain(String(decoding: data, as: UTF8.self))
        }
    }

    /// Removes values that none of `jobs` needs.
    public func forgetUnused(by jobs: some Sequence<Job>) throws {
        let needed = Set(
            jobs.flatMap { $0.specification.environment.values }.compactMap {
                if case .secret(let digest) = $0 { digest } else { nil }
            })
        for file in try FileManager.default.contentsOfDirectory(atPath: directory.path)
        where file != "key" && !needed.contains(file) {
            try FileManager.default.removeItem(at: directory.appendingPathComponent(file))
        }
    }
}

/// A secret could not be kept or found.
struct SecretError: Error, CustomStringConvertible {
    let description: String
}
