import BerthExecution
import BerthModel
import Foundation
import Testing

struct OutputFileTests {
    let folder: DataFolder
    let limits = OutputLimits(maximumBytes: 1 << 20, keep: .seconds(3600))

    init() throws { folder = try DataFolder() }

    /// Numbered lines of 64 bytes.
    private func lines(_ numbers: Range<Int>) -> String {
        numbers.map { String(format: "%063d\n", $0) }.joined()
    }

    private func everything(in file: OutputFile, from offset: UInt64 = 0) throws -> (text: String, end: UInt64) {
        var (text, offset) = ("", offset)
        while true {
            let part = try file.part(at: offset, limit: 100_000)
            if part.data.isEmpty { return (text, offset) }
            text += String(decoding: part.data, as: UTF8.self)
            offset = part.nextOffset
        }
    }

    @Test func `output is read as it was written`() throws {
        let file = OutputFile(path: try folder.write(lines(0..<5000), to: "42@1.out"))
        #expect(try everything(in: file).text == lines(0..<5000))
        #expect(try everything(in: file, from: 64 * 4999).text == lines(4999..<5000))
        #expect(throws: ExecutionProblem.self) { try OutputFile(path: folder.path + "/none").part(at: 0, limit: 1) }
    }

    @Test func `of too much output the beginning and the end are kept, at their places`() throws {
        let file = OutputFile(path: try folder.write(lines(0..<50_000), to: "42@1.out"))

        let cut = try limits.cut(file)

        #expect(cut > 2_000_000)
        var status = stat()
        #expect(stat(file.path, &status) == 0)
        #expect(status.st_blocks * 512 <= limits.maximumBytes)
        let read = try everything(in: file)
        #expect(read.end == 50_000 * 64)
        #expect(read.text.hasPrefix(lines(0..<4096)))
        #expect(read.text.hasSuffix(lines(45_000..<50_000)))
        #expect(read.text.contains("\n[\(cut) bytes of output were taken out here: it had become too large.]\n"))
        #expect(try everything(in: file, from: 64 * 49_999).text == lines(49_999..<50_000))
    }

    @Test func `a job writes on after its output was cut, and it is cut again`() throws {
        let file = OutputFile(path: try folder.write(lines(0..<50_000), to: "42@1.out"))
        let job = try #require(FileHandle(forUpdatingAtPath: file.path))
        _ = try job.seekToEnd()
        try limits.cut(file)
        try job.write(contentsOf: Data(lines(50_000..<100_000).utf8))

        #expect(try limits.cut(file) > 2_000_000)

        let read = try everything(in: file)
        #expect(read.end == 100_000 * 64)
        #expect(read.text.hasPrefix(lines(0..<4096)))
        #expect(read.text.hasSuffix(lines(95_000..<100_000)))
        #expect(read.text.utf8.count < 1 << 20)
    }

    @Test func `output within its limit is left alone`() throws {
        let file = OutputFile(path: try folder.write(lines(0..<5000), to: "42@1.out"))
        #expect(try limits.cut(file) == 0)
        #expect(try limits.cut(OutputFile(path: folder.path + "/none")) == 0)
    }

    @Test func `the last of the output goes with the end, from a whole character on`() throws {
        let file = OutputFile(path: try folder.write("one äöü\n", to: "42@1.out"))
        #expect(file.tail(isStandardError: false) == OutputTail(isStandardError: false, offset: 0, text: "one äöü\n"))
        #expect(
            file.tail(isStandardError: true, limit: 6) == OutputTail(isStandardError: true, offset: 6, text: "öü\n"))
        #expect(OutputFile(path: try folder.write("", to: "42@1.err")).tail(isStandardError: true) == nil)
    }

    @Test func `old output is removed, and nothing else`() throws {
        for name in ["1@1.out", "1@1.err", "2@1.out", "notes.txt", "my.out"] {
            try folder.write("text", to: name)
        }
        let live = try #require(AttemptID("2@1"))
        let later = Timestamp.now + .seconds(7200)

        #expect(limits.removeOld(in: folder.path, at: .now) { $0 == live } == 0)
        #expect(limits.removeOld(in: folder.path, at: later) { $0 == live } == 2)

        #expect(!folder.exists("1@1.out") && !folder.exists("1@1.err"))
        #expect(folder.exists("2@1.out") && folder.exists("notes.txt") && folder.exists("my.out"))
    }
}
