import BerthModel
import Testing

struct PoolDefinitionTests {
    private let definition = PoolDefinition(
        name: "math", command: ["python3", "-m", "berth_worker", "--import", "json"])

    @Test func `slots of different users, modules or bounds are never taken for each other`() {
        var others = [definition, definition]
        others[0].command[4] = "decimal"
        others[1].memoryBytes = 1 << 30
        let keys = [definition.key(user: "ada"), definition.key(user: "bob")] + others.map { $0.key(user: "ada") }
        #expect(Set(keys).count == 4)
        #expect(definition.key(user: "ada") == keys[0])
    }

    @Test func `how many slots there may be does not change what they hold`() {
        var wider = definition
        wider.maximumSlots = 9
        wider.idleTime = .seconds(1)
        #expect(wider.key(user: "ada") == definition.key(user: "ada"))
    }
}
