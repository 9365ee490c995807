import BerthExecution
import BerthModel
import Foundation
import Testing

struct FileHasherTests {
    let folder: DataFolder
    let cache: DigestCache
    /// An hour from now: what is written in a test is old enough for its digest to be kept.
    let hasher: FileHasher

    init() throws {
        folder = try DataFolder()
        cache = DigestCache(path: folder.path + "/digests")
        hasher = FileHasher(cache: cache, width: 3, now: { .now + .seconds(3600) })
    }

    private func digest(_ text: String) -> String { sha256(Array(text.utf8)) }

    @Test func `files are recorded in the order in which they are named`() throws {
        let names = (0..<20).map { "file\($0)" }
        for name in names { try folder.write("content of \(name)", to: name) }

        let records = hasher.records(of: names, in: folder.path)

        #expect(records.map(\.path) == names.map { folder.path + "/" + $0 })
        #expect(records.map(\.sha256) == names.map { digest("content of \($0)") })
        #expect(records.allSatisfy { $0.problem == nil })
    }

    @Test func `the digest is that which sha256sum prints`() throws {
        try folder.write("abc", to: "abc")
        let record = hasher.records(of: ["abc"], in: folder.path)[0]
        #expect(record.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(record.bytes == 3)
    }

    @Test func `a file that was read before is not read again`() throws {
        let file = try folder.write("first", to: "file")
        _ = hasher.records(of: ["file"], in: folder.path)
        let identity = try #require(fileIdentity(of: file))
        cache.keep("a digest that only the cache knows", of: identity)
        #expect(hasher.records(of: ["file"], in: folder.path)[0].sha256 == "a digest that only the cache knows")
    }

    @Test func `a file that was written anew with its size and time kept is read again`() throws {
        let file = try folder.write("first", to: "file")
        _ = hasher.records(of: ["file"], in: folder.path)
        let time = try #require(try FileManager.default.attributesOfItem(atPath: file)[.modificationDate] as? Date)
        try Data("other".utf8).write(to: URL(fileURLWithPath: file))
        try FileManager.default.setAttributes([.modificationDate: time], ofItemAtPath: file)
        #expect(hasher.records(of: ["file"], in: folder.path)[0].sha256 == digest("other"))
    }

    @Test func `the digest of a file that was only just written is told and not kept`() throws {
        let fresh = FileHasher(cache: cache)
        let file = try folder.write("new", to: "file", secondsAgo: 0)
        #expect(fresh.records(of: ["file"], in: folder.path)[0].sha256 == digest("new"))
        #expect(cache.digest(of: try #require(fileIdentity(of: file))) == nil)
    }

    @Test func `a file with times in the future is told as not wholly known`() throws {
        let behind = FileHasher(cache: cache, now: { .now - .seconds(100) })
        try folder.write("new", to: "file", secondsAgo: 0)
        let record = behind.records(of: ["file"], in: folder.path)[0]
        #expect(record.sha256 == digest("new"))
        #expect(record.problem?.contains("in the future") == true)
    }

    @Test func `a directory's digest follows from its files and not from their times`() throws {
        for place in ["one", "two"] {
            try folder.write("a", to: place + "/a", secondsAgo: place == "one" ? 5 : 5000)
            try folder.write("b", to: place + "/inner/b")
            try FileManager.default.createSymbolicLink(
                atPath: folder.path + "/\(place)/latest", withDestinationPath: "inner")
        }
        let records = hasher.records(of: ["one", "two"], in: folder.path)
        #expect(records[0].sha256?.count == 64)
        #expect(records[0].sha256 == records[1].sha256)
        #expect(records[0].bytes == 2)

        try folder.write("c", to: "two/inner/b")
        #expect(hasher.records(of: ["two"], in: folder.path)[0].sha256 != records[1].sha256)
    }

    @Test func `what cannot be read is told with the reason`() throws {
        #expect(mkfifo(folder.path + "/pipe", 0o600) == 0)
        let records = hasher.records(of: ["missing", "pipe"], in: folder.path)
        #expect(records[0].problem == "No such file or directory")
        #expect(records[1].problem == "It is neither a file nor a directory.")
        #expect(records.allSatisfy { $0.sha256 == nil })
    }

    @Test(.enabled(if: getuid() == 0, "it needs root"))
    func `an agent that is root reads no file that the job's user may not read`() throws {
        try folder.write("secret", to: "secret")
        chmod(folder.path, 0o711)
        chmod(folder.path + "/secret", 0o600)
        let owner = FileOwner(user: 65_534, group: 65_534)
        #expect(hasher.records(of: ["secret"], in: folder.path, as: owner)[0].problem == "Permission denied")
        #expect(hasher.records(of: ["secret"], in: folder.path)[0].problem == nil)
    }
}

func fileIdentity(of file: String) -> FileIdentity? {
    let descriptor = open(file, O_RDONLY)
    defer { close(descriptor) }
    return FileIdentity.of(descriptor)
}
