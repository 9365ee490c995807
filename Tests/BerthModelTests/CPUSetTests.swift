import BerthModel
import Testing

@Suite struct CPUSetTests {
    @Test(
        arguments: [
            ("", []), ("0", [0]), ("0-3,8", [0, 1, 2, 3, 8]), ("8,0-3", [0, 1, 2, 3, 8]), ("1,1-2", [1, 2]),
            ("63-65", [63, 64, 65]), ("65535", [65_535]),
        ] as [(String, [Int])])
    func `list form is read as the PUs that it names`(text: String, numbers: [Int]) throws {
        let cpus = try #require(CPUSet(text))
        #expect(cpus.numbers == numbers)
        #expect(cpus.count == numbers.count)
    }

    @Test(arguments: [
        ",", "1,", ",1", "3-1", "-1", "1-", "-", "1-2-3", "a", "0x1", "+1", "1 ", " 1", "1\n", "٣", "65536", "0-65536",
        "99999999999999999999",
    ])
    func `what is no list is refused`(text: String) { #expect(CPUSet(text) == nil) }

    @Test func `neighbours are written as one range`() {
        #expect(CPUSet([9, 0, 2, 1, 8, 5]).description == "0-2,5,8-9")
        #expect(CPUSet().description == "")
    }

    @Test func `a number below zero is in no set`() {
        let cpus: CPUSet = [0, 63, 64]
        #expect(!cpus.contains(-1))
        #expect(!cpus.contains(-64))
        #expect(!cpus.contains(65_536))
    }

    @Test func `sets with the same members are equal however they came to be`() {
        var shrunk: CPUSet = [1, 500]
        shrunk.subtract([500])
        let met = CPUSet([1, 64]).intersection([1, 128])
        #expect(shrunk == [1])
        #expect(met == [1])
        #expect(shrunk.hashValue == CPUSet([1]).hashValue)
    }

    @Test(arguments: 0..<100 as Range<UInt64>)
    func `it agrees with a plain set of numbers`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let (left, right) = (Set.some(below: 300, using: &random), Set.some(below: 300, using: &random))
        let (cpus, others) = (CPUSet(left), CPUSet(right))

        #expect(cpus.numbers == left.sorted())
        #expect(cpus.isEmpty == left.isEmpty)
        #expect(cpus.union(others).numbers == left.union(right).sorted())
        #expect(cpus.intersection(others).numbers == left.intersection(right).sorted())
        #expect(cpus.subtracting(others).numbers == left.subtracting(right).sorted())
        #expect(cpus.isDisjoint(with: others) == left.isDisjoint(with: right))
        #expect(cpus.isSubset(of: others) == left.isSubset(of: right))
        #expect(cpus.intersection(others).isSubset(of: cpus))
        #expect((0..<320).filter(cpus.contains) == left.sorted())
        #expect(try #require(CPUSet(cpus.description)) == cpus)
    }
}

extension Set<Int> {
    /// A few numbers, in runs and alone.
    static func some(below limit: Int, using random: inout SeededGenerator) -> Set<Int> {
        var result: Set<Int> = []
        for _ in 0..<Int.random(in: 0...8, using: &random) {
            let first = Int.random(in: 0..<limit, using: &random)
            result.formUnion(first..<Swift.min(limit, first + Int.random(in: 1...40, using: &random)))
        }
        return result
    }
}
