import BerthExecution
import Foundation
import Testing

struct DigestCacheTests {
    let folder: DataFolder
    var path: String { folder.path + "/digests" }

    init() throws { folder = try DataFolder() }

    private func identity(_ inode: UInt64) -> FileIdentity {
        FileIdentity(device: 1, inode: inode, bytes: 2, modified: 3, changed: 4)
    }

    @Test func `it outlives its agent`() {
        let cache = DigestCache(path: path)
        cache.keep("abc", of: identity(7))
        cache.save()
        #expect(DigestCache(path: path).digest(of: identity(7)) == "abc")
        #expect(DigestCache(path: path).digest(of: identity(8)) == nil)
    }

    @Test(arguments: [0, 5, 40, 90])
    func `a file that was damaged at any place is left out whole`(place: Int) throws {
        let cache = DigestCache(path: path)
        cache.keep("abc", of: identity(7))
        cache.save()
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        bytes[place % bytes.count] ^= 1
        try bytes.write(to: URL(fileURLWithPath: path))
        #expect(DigestCache(path: path).digest(of: identity(7)) == nil)
    }

    @Test func `a file that was cut off is left out`() throws {
        let cache = DigestCache(path: path)
        for inode in 0..<100 { cache.keep("abc", of: identity(UInt64(inode))) }
        cache.save()
        let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        try bytes.prefix(bytes.count / 2).write(to: URL(fileURLWithPath: path))
        #expect(DigestCache(path: path).digest(of: identity(7)) == nil)
    }

    @Test func `of too many it keeps those that were wanted last`() {
        let cache = DigestCache(path: path)
        for inode in 0..<UInt64(DigestCache.capacity) { cache.keep("abc", of: identity(inode)) }
        #expect(cache.digest(of: identity(0)) == "abc")
        cache.keep("abc", of: identity(UInt64(DigestCache.capacity)))
        #expect(cache.digest(of: identity(0)) == "abc")
        #expect(cache.digest(of: identity(1)) == nil)
        #expect(cache.digest(of: identity(UInt64(DigestCache.capacity))) == "abc")
    }
}
