import BerthModel
import Testing

@Suite struct DirectoryManifestTests {
    private static let digest = String(repeating: "0", count: 64)

    private func file(_ path: String, _ bytes: Int64 = 1, sha256: String = digest) -> DirectoryManifest.Entry {
        .init(path: path, content: .file(bytes: bytes, sha256: sha256))
    }

    private func isTaken(_ entries: DirectoryManifest.Entry...) -> Bool {
        do {
            try DirectoryManifest(entries: entries).check()
            return true
        } catch {
            return false
        }
    }

    @Test func `its text does not depend on the order in which files were found`() {
        let entries = [file("b"), file("a/c"), file("a-b"), .init(path: "a/d", content: .link(target: "../b"))]
        let text = DirectoryManifest(entries: entries).text
        #expect(text == DirectoryManifest(entries: entries.reversed()).text)
        #expect(text.split(separator: "\n").map { $0.split(separator: " ")[0] } == ["file", "file", "link", "file"])
    }

    @Test func `a name cannot be mistaken for two entries`() {
        let sly = DirectoryManifest(entries: [file("a\nfile 1 \(Self.digest) b")])
        let plain = DirectoryManifest(entries: [file("a"), file("b")])
        #expect(sly.text.split(separator: "\n").count == 1)
        #expect(sly.text != plain.text)
    }

    @Test func `what is usual in a checkpoint is taken`() {
        #expect(
            isTaken(
                file("step", 0), file("epoch 2/weights ü.npz", 1 << 40), file("..data"),
                .init(path: "latest", content: .link(target: "epoch 2")),
                .init(path: "epoch 2/up", content: .link(target: "../step")),
                .init(path: "nothing", content: .emptyDirectory)))
    }

    @Test(arguments: ["", "/", "/a", "a/", "a//b", ".", "..", "a/..", "../a", "a/../b", "./a", "a\0b"])
    func `a path that is not plainly within the directory is refused`(path: String) {
        #expect(!isTaken(file(path)))
    }

    @Test(arguments: ["/etc/passwd", "..", "../..", "../../x", "d/../../..", "x/../..", "", "a//b"])
    func `a link that leads out, or could by way of another, is refused`(target: String) {
        #expect(!isTaken(.init(path: "d/link", content: .link(target: target))) || target == "..")
        #expect(!isTaken(.init(path: "link", content: .link(target: target))))
    }

    @Test func `nothing lies in a file or a link`() {
        #expect(!isTaken(file("a"), file("a/b")))
        #expect(!isTaken(.init(path: "a", content: .link(target: "b")), file("a/c/d")))
        #expect(!isTaken(file("a"), file("a")))
    }

    @Test func `sizes and digests must be some`() {
        #expect(!isTaken(file("a", -1)))
        #expect(!isTaken(file("a", sha256: "00")))
        #expect(!isTaken(file("a", sha256: String(repeating: "G", count: 64))))
        #expect(!isTaken(file("a", .max), file("b", .max)))
        #expect(DirectoryManifest(entries: [file("a", .max), file("b", 1)]).bytes == .max)
    }
}
