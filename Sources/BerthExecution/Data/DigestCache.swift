import BerthKeeping
import Crypto
import Foundation
import Synchronization

/// Digests of files that were read before, by the files' identity, so that a data set that a thousand tasks name is
/// read once. It outlives the agent in a file of the state directory; what is wrong with that file costs only reading
/// again.
package final class DigestCache: Sendable {
    /// Entries kept; of more, those that were not asked for longest are forgotten. One takes about 130 bytes of the file.
    package static let capacity = 65_536

    private let path: String
    private let state: Mutex<State>

    private struct State {
        /// With the number of the question that last wanted each.
        var entries: [FileIdentity: (digest: String, use: UInt64)] = [:]
        var uses: UInt64 = 0
        var isChanged = false
    }

    /// - Parameter path: of the file that keeps them; it need not exist.
    package init(path: String) {
        self.path = path
        var state = State()
        for (identity, digest) in Self.read(path) {
            state.uses += 1
            state.entries[identity] = (digest, state.uses)
        }
        self.state = Mutex(state)
    }

    package func digest(of identity: FileIdentity) -> String? {
        state.withLock { state in
            guard let known = state.entries[identity]?.digest else { return nil }
            state.uses += 1
            state.entries[identity] = (known, state.uses)
            return known
        }
    }

    package func keep(_ digest: String, of identity: FileIdentity) {
        state.withLock { state in
            state.uses += 1
            state.entries[identity] = (digest, state.uses)
            state.isChanged = true
            guard state.entries.count > Self.capacity else { return }
            // An eighth at a time, so that sorting is rare.
            let oldest = state.entries.sorted { $0.value.use < $1.value.use }.prefix(Self.capacity / 8)
            for (identity, _) in oldest { state.entries[identity] = nil }
        }
    }

    /// Writes the file anew if there is something new. It is not made durable: what a power cut takes is read again.
    package func save() {
        let lines = state.withLock { state -> [String]? in
            guard state.isChanged else { return nil }
            state.isChanged = false
            return state.entries.sorted { $0.value.use < $1.value.use }.map { identity, value in
                "\(identity.device) \(identity.inode) \(identity.bytes) \(identity.modified) \(identity.changed) "
                    + value.digest + "\n"
            }
        }
        guard let lines else { return }
        let body = Array((Self.header + lines.joined()).utf8)
        // A cache that cannot be written is only slower.
        try? replaceFile(path, with: body + Array((sha256(body) + "\n").utf8), isDurable: false)
    }

    private static let header = "berth digests 1\n"

    /// What the file holds, oldest use first; nothing where it is not whole.
    private static func read(_ path: String) -> [(FileIdentity, String)] {
        guard let bytes = try? readFile(path, limit: 32 << 20), bytes.count > 65 else { return [] }
        let body = Array(bytes.dropLast(65))
        guard Array((sha256(body) + "\n").utf8) == Array(bytes.suffix(65)), body.starts(with: header.utf8) else {
            return []
        }
        return body.dropFirst(header.utf8.count).split(separator: UInt8(ascii: "\n")).suffix(capacity).compactMap {
            line in
            let fields = line.split(separator: UInt8(ascii: " ")).map { String(decoding: $0, as: UTF8.self) }
            guard fields.count == 6, let device = UInt64(fields[0]), let inode = UInt64(fields[1]),
                let bytes = Int64(fields[2]), let modified = Int64(fields[3]), let changed = Int64(fields[4])
            else { return nil }
            let identity = FileIdentity(
                device: device, inode: inode, bytes: bytes, modified: modified, changed: changed)
            return (identity, fields[5])
        }
    }
}

/// SHA-256, hexadecimal.
package func sha256(_ bytes: [UInt8]) -> String { hexadecimal(SHA256.hash(data: bytes)) }

func hexadecimal(_ digest: SHA256.Digest) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}
