package import BerthModel
import CLinux
import Foundation
import Glibc

/// A file in which Berth keeps what an attempt writes to one of its streams. The job writes to it directly, at its end;
/// so that it cannot fill the disk, its middle is taken out when it has become too large. What is left keeps its place:
/// whoever reads on from an offset is not disturbed.
package struct OutputFile: Sendable {
    package let path: String

    package init(path: String) { self.path = path }

    /// A part of the output.
    package struct Part: Hashable, Sendable {
        package var data: [UInt8]
        /// Where the output goes on: further than `data` is long where something was taken out before it.
        package var nextOffset: UInt64

        package init(data: [UInt8], nextOffset: UInt64) {
            self.data = data
            self.nextOffset = nextOffset
        }
    }

    /// What stands at `offset`; nothing at the end. Where the output was cut, a line says how much is missing.
    ///
    /// - Parameters:
    ///   - limit: bytes, at most; the line about a cut is not counted.
    ///   - isCut: whether Berth takes something out of it. In a file that the job named, holes are the job's own.
    /// - Throws: a sentence where it cannot be read.
    package func part(at offset: UInt64, limit: Int, isCut: Bool = true) throws -> Part {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw ExecutionProblem("\(path) cannot be read", errno) }
        defer { close(descriptor) }
        let end = FileIdentity.of(descriptor)?.bytes ?? 0
        let start = Int64(clamping: offset)
        guard start < end else { return Part(data: [], nextOffset: offset) }
        var stop = end
        if isCut {
            // A file system that knows no holes tells the offset itself, and the end.
            let data = berth_next_data(descriptor, start)
            guard data == start else {
                let next = data > start ? data : end  // None follows: the last of it was taken out.
                let line = "\n[\(next - start) bytes of output were taken out here: it had become too large.]\n"
                return Part(data: Array(line.utf8), nextOffset: UInt64(next))
            }
            let hole = berth_next_hole(descriptor, start)
            if hole > start { stop = hole }
        }
        let length = min(Int64(max(0, limit)), stop - start)
        let bytes = [UInt8](unsafeUninitializedCapacity: Int(length)) { buffer, count in
            count = max(0, pread(descriptor, buffer.baseAddress, buffer.count, off_t(start)))
        }
        return Part(data: bytes, nextOffset: UInt64(start) + UInt64(bytes.count))
    }

    /// The last of what is there, as text.
    ///
    /// - Returns: nil where nothing was written or it cannot be read.
    package func tail(isStandardError: Bool, limit: Int = 64 << 10) -> OutputTail? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        guard let end = FileIdentity.of(descriptor)?.bytes, end > 0 else { return nil }
        let offset = max(0, end - Int64(limit))
        let bytes = [UInt8](unsafeUninitializedCapacity: Int(end - offset)) { buffer, count in
            count = max(0, pread(descriptor, buffer.baseAddress, buffer.count, off_t(offset)))
        }
        // A character that began before is left out.
        let cut = offset == 0 ? 0 : bytes.prefix(3).prefix { $0 & 0xC0 == 0x80 }.count
        return OutputTail(
            isStandardError: isStandardError, offset: offset + Int64(cut),
            text: String(decoding: bytes.dropFirst(cut), as: UTF8.self))
    }
}
