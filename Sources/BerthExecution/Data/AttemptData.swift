import BerthModel
import Foundation

/// What attempts find on their node before they start, and what of theirs is looked at when they have ended.
package struct AttemptData: Sendable {
    package let checkpoints: CheckpointStore
    package let hasher: FileHasher
    let staged: StagedFiles
    /// Where checkpoints of other nodes can be asked for; nil where nobody can be asked.
    let source: (any DataSource)?

    /// - Parameters:
    ///   - stateDirectory: the agent's; checkpoints and known digests are kept in it.
    ///   - isForManyUsers: whether jobs run as other users than the agent. They cannot enter the state directory, so
    ///     checkpoints and staged files are kept beside it, in `STATE-DIRECTORY-checkpoints` and `STATE-DIRECTORY-staged`.
    package init(
        stateDirectory: String, isForManyUsers: Bool = false, source: (any DataSource)? = nil
    ) throws {
        checkpoints = try CheckpointStore(path: stateDirectory + (isForManyUsers ? "-checkpoints" : "/checkpoints"))
        staged = try StagedFiles(path: stateDirectory + (isForManyUsers ? "-staged" : "/staged"), source: source)
        hasher = FileHasher(cache: DigestCache(path: stateDirectory + "/digests"))
        self.source = source
    }

    /// What was done before a start.
    struct Preparation: Sendable {
        /// The files named as inputs.
        var inputs: [FileRecord] = []
        /// What a person should know, a sentence each.
        var notes: [String] = []
        /// Why the attempt cannot start.
        var problem: ExecutionProblem?
    }

    /// Whether there is something to do before the start that takes time.
    func mustPrepare(_ order: AttemptOrder) -> Bool {
        !order.specification.inputs.isEmpty || order.checkpointSource != nil || order.specification.staged != nil
    }

    /// Brings the task's checkpoint and the files that go along with its job here, and reads its inputs. A checkpoint that
    /// cannot be had keeps no attempt from starting: it starts without, and the note says so.
    func prepare(_ order: AttemptOrder, for owner: FileOwner?) async -> Preparation {
        var preparation = Preparation()
        if let node = order.checkpointSource {
            preparation.notes.append(await fetch(of: order.attempt.id.task, from: node, for: owner))
        }
        let specification = order.specification
        if let files = specification.staged {
            do {
                let node = order.attempt.allocations[0].node
                let bytes = try await staged.bring(files, of: order.attempt.id.task, to: node)
                preparation.notes.append("\(files.count) staged files are there; \(bytes) bytes of them came now.")
            } catch {
                preparation.problem = ExecutionProblem("\(error)", fault: .neither)
                return preparation
            }
            preparation.inputs = files.map { file in
                FileRecord(path: file.path, sha256: file.sha256, bytes: file.bytes)
            }
        }
        guard !specification.inputs.isEmpty else { return preparation }
        // Reading blocks; it is not to block a thread on which others run.
        preparation.inputs += await withCheckedContinuation { continuation in
            Thread.detachNewThread { [hasher] in
                continuation.resume(
                    returning: hasher.records(
                        of: specification.inputs, in: specification.workingDirectory, as: owner))
            }
        }
        return preparation
    }

    /// - Returns: the note about it.
    private func fetch(of task: TaskID, from node: NodeName, for owner: FileOwner?) async -> String {
        guard let source else { return "It starts without what it had saved on \(node): nobody can be asked for it." }
        do {
            let summary = try await CheckpointFetch(task: task, from: node, into: checkpoints, source: source)
                .run(for: owner)
            let what = "\(summary.files) files, \(summary.bytes) bytes, of which \(summary.transferredBytes) came now"
            return "Its checkpoint was brought from \(node): \(what)."
        } catch {
            return "It starts without what it had saved on \(node). \(error)"
        }
    }

    /// How the results of the attempt are published; nil where it has none.
    func publication(of order: AttemptOrder, for owner: FileOwner?) -> OutputPublication? {
        let specification = order.specification
        guard let paths = specification.published, !paths.isEmpty else { return nil }
        return OutputPublication(
            attempt: order.attempt.id, fence: order.attempt.fence, workingDirectory: specification.workingDirectory,
            paths: paths, owner: owner)
    }

    /// Whether there is something to do after the end that takes time.
    func mustFinish(_ order: AttemptOrder) -> Bool {
        !order.specification.outputs.isEmpty || order.specification.published?.isEmpty == false
    }

    /// After all processes of an attempt are gone: publishes its results if it has succeeded, and says what its output
    /// files hold, if it ever ran.
    func finish(_ end: inout AttemptEnd, _ order: AttemptOrder, for owner: FileOwner?) {
        let specification = order.specification
        var files = specification.outputs
        if let publication = publication(of: order, for: owner) {
            if end.isSuccess {
                let problems = publication.publish()
                let sentences = [end.message].compactMap(\.self) + problems
                if !sentences.isEmpty { end.message = sentences.joined(separator: " ") }
                files += publication.paths.filter { !files.contains($0) }
            } else {
                publication.discard()
            }
        }
        let hasRun = end.exitCode != nil || end.signal != nil
        if hasRun, !files.isEmpty {
            end.outputs = hasher.records(of: files, in: specification.workingDirectory, as: owner)
        }
    }
}
