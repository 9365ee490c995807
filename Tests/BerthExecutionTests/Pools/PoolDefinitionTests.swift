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

    @Test func `a model server's slot is its devices' as well, in whatever order they are named`() {
        let server = PoolDefinition(name: "triton", command: ["tritonserver"], server: .init())
        #expect(server.key(user: "ada", devices: ["gpu0"]) != server.key(user: "ada", devices: ["gpu1"]))
        #expect(
            server.key(user: "ada", devices: ["gpu0", "gpu1"]) == server.key(user: "ada", devices: ["gpu1", "gpu0"]))
    }

    @Test(arguments: ["", "a/b", "a b", "..", "resnet:", ":3", "a:b:c", "a%2e", "é"])
    func `what could not stand in an address is no model`(text: String) {
        #expect(ModelReference(text) == nil)
    }

    @Test func `a model's place is the protocol's`() throws {
        #expect(ModelReference("resnet-50_v1.5")?.path == "/v2/models/resnet-50_v1.5")
        #expect(ModelReference("resnet:3")?.path == "/v2/models/resnet/versions/3")
    }
}
