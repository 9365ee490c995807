import BerthModel

extension StagedFile {
    /// Reads `stage`: paths, whose content is still to be sent, and files whose content is known.
    static func list(_ fields: inout Fields) throws(DescriptionError) -> (files: [StagedFile], unsent: [String]) {
        var files: [StagedFile] = []
        var unsent: [String] = []
        for item in try fields.optional("stage")?.list("stage") ?? [] {
            guard case .mapping = item.content else {
                unsent.append(try item.text("stage"))
                continue
            }
            var fields = try Fields(item, "a staged file")
            let file = StagedFile(
                path: try fields.required("path").text("path"), sha256: try fields.required("sha256").text("sha256"),
                bytes: Int64(try fields.required("bytes").integer("bytes", 0...(1 << 50))))
            try fields.finish()
            guard DirectoryManifest.isWellFormed(file.path), isDigest(file.sha256) else {
                throw item.failure(
                    "a staged file has a relative path like data/a.csv and a SHA-256 of 64 digits, and here stand \"\(file.path.shown)\" and \"\(file.sha256.shown)\""
                )
            }
            files.append(file)
        }
        guard files.count <= DirectoryManifest.maximumCount, Set(files.map(\.path)).count == files.count else {
            throw DescriptionError(
                "stage names a path twice, or more than \(DirectoryManifest.maximumCount) files. Pack them into one archive."
            )
        }
        return (files, unsent)
    }
}
