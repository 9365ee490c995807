import BerthModel

extension OutputTail {
    /// What is left of an output whose node is gone, from `offset` on, and where it goes on; nil at its end. A line says
    /// what is missing before it.
    func part(from offset: UInt64) -> (bytes: [UInt8], next: UInt64)? {
        let start = UInt64(max(0, self.offset))
        let end = start + UInt64(text.utf8.count)
        guard offset < end else { return nil }
        if offset >= start { return (Array(text.utf8.dropFirst(Int(offset - start))), end) }
        let line = "[\(start - offset) bytes before this are on a node that is not connected.]\n"
        return (Array((line + text).utf8), end)
    }
}
