public import BerthModel
import Foundation

/// The last of what attempts wrote, for when their nodes are gone: a file for each attempt that wrote something, of which
/// the oldest go. It is a convenience and no record: what cannot be kept is left out.
public actor OutputTailStore {
    /// Files kept; each has 128 KiB of text at most.
    private static let capacity = 2000

    private let directory: String
    private var count: Int

    /// - Parameter directory: made with mode 0700 where it is not there.
    public init(directory: String) throws {
        self.directory = directory
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        count = try FileManager.default.contentsOfDirectory(atPath: directory).count
    }

    func keep(_ tails: [OutputTail], of attempt: AttemptID, on node: NodeName) {
        let file = file(of: attempt, on: node)
        let isNew = !FileManager.default.fileExists(atPath: file.path)
        guard let bytes = try? CanonicalJSON.bytes(of: tails),
            (try? Data(bytes).write(to: file, options: .atomic)) != nil
        else { return }
        if isNew { count += 1 }
        // An eighth at a time, so that listing is rare.
        if count > Self.capacity { removeOldest(Self.capacity / 8) }
    }

    /// The end of one stream of an attempt on a node; nil where none is kept.
    public func tail(of attempt: AttemptID, on node: NodeName, isStandardError: Bool) -> OutputTail? {
        guard let data = try? Data(contentsOf: file(of: attempt, on: node)),
            let tails = try? JSONDecoder().decode([OutputTail].self, from: data)
        else { return nil }
        return tails.first { $0.isStandardError == isStandardError }
    }

    private func file(of attempt: AttemptID, on node: NodeName) -> URL {
        URL(fileURLWithPath: directory + "/\(attempt).\(node)")
    }

    private func removeOldest(_ number: Int) {
        let files =
            (try? FileManager.default.contentsOfDirectory(
                at: URL(fileURLWithPath: directory), includingPropertiesForKeys: [.contentModificationDateKey])) ?? []
        let dated = files.map { file in
            let values = try? file.resourceValues(forKeys: [.contentModificationDateKey])
            return (file: file, date: values?.contentModificationDate ?? .distantPast)
        }
        let oldest = dated.sorted { ($0.date, $0.file.path) < ($1.date, $1.file.path) }.prefix(number)
        for (file, _) in oldest { try? FileManager.default.removeItem(at: file) }
        count = files.count - oldest.count
    }
}
