package import BerthModel
import Foundation

/// Answers other nodes that ask for what tasks have saved here.
package actor CheckpointServer {
    private let store: CheckpointStore
    private let hasher: FileHasher
    /// How long a question for a manifest waits for it before it is told to come again.
    private let patience: Duration
    private var manifests: [TaskID: Manifest] = [:]
    private var uses: UInt64 = 0

    /// Manifests kept at a time; of more, the one that was not asked for longest goes.
    private static let capacity = 8

    private struct Manifest {
        /// Which making it is.
        var number: UInt64
        var bytes: Result<[UInt8], any Error>?
        /// Whether its beginning was given out.
        var isBegun = false
        var use: UInt64
    }

    package init(store: CheckpointStore, hasher: FileHasher, patience: Duration = .seconds(10)) {
        self.store = store
        self.hasher = hasher
        self.patience = patience
    }

    package func answer(_ request: DataRequest) async -> DataPart {
        if let file = request.path { return store.part(request, of: file) }
        // Asked for from its start again, it is made anew: another attempt may have saved since.
        if request.offset == 0, manifests[request.task]?.isBegun == true { manifests[request.task] = nil }
        do {
            guard let bytes = try await manifest(of: request.task) else { return DataPart(isPending: true) }
            manifests[request.task]?.isBegun = true
            let start = Int(clamping: min(request.offset, UInt64(bytes.count)))
            let end = min(bytes.count, start + Int(min(request.limit, DataPart.maximumBytes)))
            return DataPart(data: Array(bytes[start..<end]), total: UInt64(bytes.count))
        } catch {
            manifests[request.task] = nil
            return DataPart(problem: "\(error)")
        }
    }

    /// nil while it is still being made.
    private func manifest(of task: TaskID) async throws -> [UInt8]? {
        uses += 1
        if manifests[task] == nil {
            if manifests.count >= Self.capacity, let oldest = manifests.min(by: { $0.value.use < $1.value.use }) {
                manifests[oldest.key] = nil
            }
            manifests[task] = Manifest(number: uses, use: uses)
            make(task, number: uses)
        }
        manifests[task]?.use = uses
        let deadline = ContinuousClock.now + patience
        while let manifest = manifests[task] {
            if let bytes = manifest.bytes { return try bytes.get() }
            guard ContinuousClock.now < deadline else { return nil }
            try await Task.sleep(for: .milliseconds(10))
        }
        return nil
    }

    /// On a thread of its own: reading blocks.
    private func make(_ task: TaskID, number: UInt64) {
        Thread.detachNewThread { [self, store, hasher] in
            let bytes = Result {
                try CanonicalJSON.bytes(of: try store.manifest(of: task, hasher: hasher))
            }
            Task { await take(bytes, of: task, number: number) }
        }
    }

    private func take(_ bytes: Result<[UInt8], any Error>, of task: TaskID, number: UInt64) {
        guard manifests[task]?.number == number else { return }
        manifests[task]?.bytes = bytes
    }
}
