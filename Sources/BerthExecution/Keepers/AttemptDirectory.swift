import BerthKeeping
import BerthModel
import Foundation
import Glibc

/// Where an agent keeps its attempts, and what is in an attempt's directory:
/// `order.json` (what the controller ordered), and the keeper's own `order`, `record`, `reports`, `lock`, `control`.
struct AttemptDirectory: Sendable {
    let id: AttemptID
    let path: String

    static func all(in parent: String) throws -> [AttemptDirectory] {
        try FileManager.default.contentsOfDirectory(atPath: parent).sorted().compactMap { name in
            AttemptID(name).map { AttemptDirectory(id: $0, path: parent + "/" + name) }
        }
    }

    var keeper: KeeperHandle { KeeperHandle(directory: path) }

    /// - Parameters:
    ///   - user: who is to reach the job's socket and script in it; what else is there only the agent can read.
    ///   - isAnnounced: whether its keeper is to wait before it starts anything of the job's.
    func create(for order: AttemptOrder, user: JobUser?, isAnnounced: Bool = false) throws {
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
            throw ExecutionProblem("\(path) cannot be made", errno)
        }
        if isAnnounced { try keeper.announce() }
        if let user {
            guard lchown(path, 0, user.group) == 0, chmod(path, 0o710) == 0 else {
                throw ExecutionProblem("\(path) cannot be opened to user \(user.name)", errno)
            }
        }
        try replaceFile(path + "/order.json", with: try CanonicalJSON.bytes(of: order), isDurable: false)
    }

    func order() throws -> AttemptOrder {
        try JSONDecoder().decode(AttemptOrder.self, from: Data(readFile(path + "/order.json")))
    }

    /// The files named as inputs, as they were found before the start.
    func inputs() -> [FileRecord] {
        let data = try? Data(readFile(path + "/inputs.json"))
        return data.flatMap { try? JSONDecoder().decode([FileRecord].self, from: $0) } ?? []
    }

    /// What a person should know of what was done before the start.
    func notes() -> [String] {
        let data = try? Data(readFile(path + "/notes.json"))
        return data.flatMap { try? JSONDecoder().decode([String].self, from: $0) } ?? []
    }

    func keep(_ preparation: AttemptData.Preparation) throws {
        if !preparation.inputs.isEmpty {
            let bytes = try CanonicalJSON.bytes(of: preparation.inputs)
            try replaceFile(path + "/inputs.json", with: bytes, isDurable: false)
        }
        if !preparation.notes.isEmpty {
            let bytes = try CanonicalJSON.bytes(of: preparation.notes)
            try replaceFile(path + "/notes.json", with: bytes, isDurable: false)
        }
    }

    /// Whether the keeper was ever told to start.
    var wasLaunched: Bool { access(path + "/order", F_OK) == 0 }

    /// Whether it was only announced, and so has never begun.
    var isAnnounced: Bool { KeeperHandle.isAnnounced(in: path) }

    /// Removes an announced one as soon as its keeper has heard that nobody will let it begin. One that does not hear keeps
    /// its announcement, and so can begin nothing either.
    func removeAnnounced() {
        for _ in 0..<5000 {
            if keeper.forestall() { return remove() }
            usleep(1000)
        }
    }

    func remove() {
        // What is usually there, without looking; what is left, with.
        for file in ["order.json", "order", "record", "lock", "keeper.log"] { unlink(path + "/" + file) }
        if rmdir(path) != 0, errno != ENOENT { try? FileManager.default.removeItem(atPath: path) }
    }

    /// What the job has said since the last mark.
    ///
    /// - Parameter marking: whether to set the mark after it.
    func newReports(marking: Bool = true) -> [Report] {
        guard let descriptor = Optional(open(path + "/reports", O_RDONLY | O_CLOEXEC)), descriptor >= 0 else {
            return []
        }
        defer { close(descriptor) }
        let mark = path + "/reported"
        let done = (try? readFile(mark, limit: 32)).flatMap { Int(String(decoding: $0, as: UTF8.self)) } ?? 0
        guard lseek(descriptor, 0, SEEK_END) > off_t(done) else { return [] }
        let bytes = [UInt8](unsafeUninitializedCapacity: 4 << 20) { buffer, count in
            count = max(0, pread(descriptor, buffer.baseAddress, buffer.count, off_t(done)))
        }
        guard let end = bytes.lastIndex(of: UInt8(ascii: "\n")) else { return [] }
        if marking { try? replaceFile(mark, with: Array("\(done + end + 1)".utf8), isDurable: false) }
        return bytes[...end].split(separator: UInt8(ascii: "\n")).compactMap { Report(line: $0) }
    }
}

extension Report {
    /// Reads a line of a keeper's report file, `MICROSECONDS {"progress": 0.4, …}`. What is no JSON object, or says
    /// nothing that is kept, is left out.
    init?(line: ArraySlice<UInt8>) {
        guard let space = line.firstIndex(of: UInt8(ascii: " ")),
            let time = Int64(String(decoding: line[..<space], as: UTF8.self)),
            let object = try? JSONSerialization.jsonObject(with: Data(line[(space + 1)...])) as? [String: Any]
        else { return nil }
        func number(_ value: Any?) -> Double? { (value as? NSNumber)?.doubleValue }
        let metrics = (object["metric"] as? [String: Any] ?? [:]).compactMapValues { number($0) }.filter {
            $0.value.isFinite
        }
        self.init(
            time: Timestamp(microseconds: time), progress: number(object["progress"]).map { min(max($0, 0), 1) },
            note: (object["note"] as? String).map { String($0.prefix(1000)) },
            checkpoint: (object["checkpoint"] as? String).map { String($0.prefix(4096)) }, metrics: metrics)
        if progress == nil, note == nil, checkpoint == nil, self.metrics.isEmpty { return nil }
    }
}
