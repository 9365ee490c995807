import BerthAPI
import BerthDescription
import BerthExecution
import BerthModel
import Foundation

/// Sends the files that go along with jobs to the controller: those that it does not have yet.
struct StagedUpload {
    private let client: Client
    /// Digests of files that were sent before are remembered beside the state directory's other files.
    private let hasher: FileHasher

    init(_ client: Client) {
        self.client = client
        hasher = FileHasher(cache: DigestCache(path: StateDirectory(nil).path + "/digests-sent"))
    }

    /// Gives each job the digests of its files; their content is with the controller afterwards.
    ///
    /// - Throws: a `Failure`; then nothing was submitted.
    func send(filesOf jobs: inout [JobDescription]) async throws {
        var sources: [String: (path: String, bytes: Int64)] = [:]
        for index in jobs.indices where !jobs[index].unsentFiles.isEmpty {
            var files = jobs[index].specification.staged ?? []
            for path in jobs[index].unsentFiles {
                for (file, source) in try resolved(path) {
                    files.append(file)
                    sources[file.sha256] = (source, file.bytes)
                }
            }
            if let twice = Dictionary(grouping: files, by: \.path).first(where: { $0.value.count > 1 })?.key {
                throw Failure(2, "--stage: \(twice) is named twice.")
            }
            jobs[index].specification.staged = files
            jobs[index].unsentFiles = []
        }
        guard !sources.isEmpty else { return }
        let question = try JSONEncoder().encode(FileDigests(sha256: sources.keys.sorted()))
        let missing: FileDigests = try await client.post("/files/missing", question)
        for digest in missing.sha256 {
            guard let source = sources[digest] else { continue }
            if source.bytes > 64 << 20 { Terminal.note("Sending \(source.path) (\(ByteCount.text(source.bytes))) …") }
            try await client.put("/files/\(digest)", file: source.path, bytes: source.bytes)
        }
    }

    /// The files that a path stands for, each with where it is.
    private func resolved(_ path: String) throws -> [(StagedFile, source: String)] {
        let name = path.hasSuffix("/") ? String(path.dropLast()) : path
        guard DirectoryManifest.isWellFormed(name) else {
            throw Failure(
                2, "--stage takes a path within the current directory, like data/a.csv; here stands \"\(path)\".")
        }
        let directory = FileManager.default.currentDirectoryPath
        do {
            return try hasher.files(at: name, in: directory).map { entry in
                (StagedFile(path: entry.path, sha256: entry.sha256, bytes: entry.bytes), directory + "/" + entry.path)
            }
        } catch {
            throw Failure(2, "\(name) cannot go along with the job. \(error)")
        }
    }
}
