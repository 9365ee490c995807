import BerthModel
import BerthPlanner
import BerthScheduling
import Testing

@Suite struct PlacementTests {
    @Test func `cores of one NUMA node come together, with memory beside them`() throws {
        var site = try Site(.machine("a", numaNodes: 2, cores: 4))
        _ = try site.given(.cores(1, gibibytes: 1))
        let given = try #require(try site.given(.cores(4, gibibytes: 8)))
        #expect(given.cpus.description == "4-7")
        #expect(given.memory == [.init(numaNode: 1, bytes: 8 << 30)])
        #expect(given.coreCount == 4)
    }

    @Test func `a small job goes where it leaves the least behind`() throws {
        var site = try Site(.machine("a", numaNodes: 2, cores: 4))
        _ = try site.given(.cores(2))
        let given = try #require(try site.given(.cores(2)))
        #expect(given.cpus.description == "2-3", "the other NUMA node stays whole")
    }

    @Test func `of two nodes the fuller one that still fits is taken`() throws {
        var site = try Site(.machine("a", cores: 8), .machine("b", cores: 3))
        #expect(try #require(try site.given(.cores(3))).node == "b")
        #expect(try #require(try site.given(.cores(3))).node == "a")
    }

    @Test func `of equal nodes the first by name is taken`() throws {
        var site = try Site(.machine("b"), .machine("a"), .machine("c"))
        #expect(try #require(try site.given(.cores(1))).node == "a")
    }

    @Test func `memory comes from the NUMA node with the least that is enough, and else from several`() throws {
        var site = try Site(.machine("a", numaNodes: 2, cores: 4))
        _ = try site.given(.cores(1, gibibytes: 6))
        let tight = try #require(try site.given(.cores(6, gibibytes: 10)))
        #expect(tight.memory == [.init(numaNode: 0, bytes: 10 << 30)])
        var wide = try Site(.machine("a", numaNodes: 2, cores: 4))
        #expect(
            try #require(try wide.given(.cores(2, gibibytes: 20))).memory == [
                .init(numaNode: 0, bytes: 16 << 30), .init(numaNode: 1, bytes: 4 << 30),
            ])
    }

    @Test func `a core is given with all its threads`() throws {
        var site = try Site(.machine("a", cores: 2, threads: 2))
        #expect(try #require(try site.given(.cores(1))).cpus.description == "0-1")
    }

    @Test func `threads are taken from a core in use before a whole one is broken up`() throws {
        var site = try Site(.machine("a", cores: 3, threads: 4))
        let one = ResourceRequest(cpus: 1, countsThreads: true)
        let given = [try site.given(one), try site.given(one), try site.given(.cores(2)), try site.given(.cores(1))]
        #expect(given.map { $0?.cpus.description } == ["0", "1", "4-11", nil])
        #expect(given[0]?.coreCount == 0)
        #expect(try #require(try site.given(ResourceRequest(cpus: 2, countsThreads: true))).cpus.description == "2-3")
        #expect(try site.given(one) == nil)
    }

    @Test func `an exclusive job gets an empty node, all of it, and nobody joins it`() throws {
        var site = try Site(.machine("a"), .machine("b"))
        _ = try site.given(.cores(1))
        var alone = ResourceRequest.cores(1)
        alone.isExclusive = true
        let given = try #require(try site.given(alone))
        #expect(given.node == "b")
        #expect(given.cpus.description == "0-3")
        #expect(given.memoryBytes == 16 << 30)
        #expect(try #require(try site.given(.cores(3))).node == "a")
        #expect(try site.given(.cores(1)) == nil)
        #expect(try site.given(alone) == nil)
    }

    @Test func `who demands one NUMA node waits for one, who wishes takes what there is`() throws {
        var site = try Site(.machine("a", packages: 2, numaNodes: 4, cores: 2))
        let package = try #require(try site.given(.cores(3, .package)))
        #expect(package.cpus.description == "0-2")
        #expect(try site.given(.cores(3, .numa)) == nil)
        let wish = ResourceRequest(cpus: 3, locality: Locality(.numa, isWish: true))
        #expect(try #require(try site.given(wish)).cpus.count == 3)
        #expect(try site.given(.cores(2, .package)) == nil)
        #expect(try #require(try site.given(.cores(2))).cpus.count == 2)
    }

    @Test func `a demand counts for memory and devices as well`() throws {
        let machine = NodeRegistration.machine("a", numaNodes: 2, cores: 4, devices: [.gpu(0, near: 1)])
        var site = try Site(machine)
        var request = ResourceRequest.gpus(1000)
        request.locality = Locality(.numa)
        let given = try #require(try site.given(request))
        #expect(given.cpus.description == "4")
        var heavy = try Site(machine)
        #expect(try heavy.given(.cores(1, gibibytes: 17, .numa)) == nil)
    }

    @Test func `cores come from near the device, and from elsewhere where none is left there`() throws {
        var site = try Site(.machine("a", numaNodes: 2, cores: 2, devices: [.gpu(0, near: 1), .gpu(1, near: 1)]))
        #expect(try #require(try site.given(.gpus(1000))).cpus.description == "2")
        _ = try site.given(.cores(1))
        _ = try site.given(.cores(1))
        _ = try site.given(.cores(1))
        #expect(try site.given(.gpus(1000)) == nil, "no core is left at all")

        var far = try Site(.machine("a", numaNodes: 2, cores: 2, devices: [.gpu(0, near: 1)]))
        _ = try far.given(.cores(2, .numa))
        _ = try far.given(.cores(1, .numa))
        let given = try #require(try far.given(.gpus(1000)))
        #expect(given.devices == [.init(name: "gpu0", kind: "gpu", thousandths: 1000)])
    }

    @Test func `a job without a GPU leaves the nodes that have one alone while it can`() throws {
        var site = try Site(.machine("a", cores: 2, devices: [.gpu(0)]), .machine("b", cores: 8))
        #expect(try #require(try site.given(.cores(2))).node == "b")
        #expect(try #require(try site.given(.gpus(1000))).node == "a")
        #expect(try #require(try site.given(.cores(1))).node == "a", "its GPU is taken: now it is the fuller one")
    }
}

@Suite struct DevicePlacementTests {
    private func names(_ allocation: Allocation?) -> [String]? { allocation?.devices.map(\.name) }

    @Test func `shares of a GPU fill one before they touch the next`() throws {
        var site = try Site(.machine("a", devices: [.gpu(0), .gpu(1)]))
        let given = try [400, 400, 500, 400].map { try site.given(.gpus($0)) }
        #expect(given.map { names($0) } == [["gpu0"], ["gpu0"], ["gpu1"], ["gpu1"]])
        #expect(try site.given(.gpus(1000)) == nil)
        #expect(names(try site.given(.gpus(200))) == nil, "no core is left")
    }

    @Test func `a share joins the GPU that is fullest, and whole ones stay whole`() throws {
        var site = try Site(.machine("a", cores: 8, devices: [.gpu(0), .gpu(1), .gpu(2)]))
        _ = try site.given(.gpus(300))
        #expect(names(try site.given(.gpus(2000))) == ["gpu1", "gpu2"])
        #expect(names(try site.given(.gpus(700))) == ["gpu0"])
        #expect(try site.given(.gpus(1)) == nil)
    }

    @Test func `a model is found by a part of its name, whatever its case, and any of several`() throws {
        var site = try Site(.machine("a", devices: [.gpu(0, "NVIDIA A100-SXM4"), .gpu(1, "NVIDIA H100 PCIe")]))
        #expect(names(try site.given(.gpus(1000, models: ["l40", "h100"]))) == ["gpu1"])
        #expect(try site.given(.gpus(1000, models: ["H100"])) == nil)
        #expect(names(try site.given(.gpus(1000, models: ["a100"]))) == ["gpu0"])
    }

    @Test func `a GPU with exactly the memory that is asked for will do`() throws {
        var site = try Site(.machine("a", devices: [.gpu(0, gibibytes: 40), .gpu(1, gibibytes: 80)]))
        #expect(names(try site.given(.gpus(1000, gibibytes: 80))) == ["gpu1"])
        #expect(names(try site.given(.gpus(1000, gibibytes: 40))) == ["gpu0"])
    }

    @Test func `of a share its part of the memory counts`() throws {
        var site = try Site(.machine("a", devices: [.gpu(0, gibibytes: 80)]))
        #expect(try site.given(.gpus(500, gibibytes: 41)) == nil)
        #expect(names(try site.given(.gpus(500, gibibytes: 40))) == ["gpu0"])
    }

    @Test func `GPUs that are to be linked are joined each to each`() throws {
        let links = [("gpu0", "gpu2"), ("gpu1", "gpu3")].map { Inventory.DeviceLink(from: $0, to: $1, kind: .nvlink) }
        let machine = NodeRegistration.machine("a", cores: 8, devices: (0..<5).map { .gpu($0) }, links: links)
        var site = try Site(machine)
        #expect(names(try site.given(.gpus(2000, link: .nvlink))) == ["gpu0", "gpu2"])
        _ = try site.given(.gpus(1000))
        let job = try site.pending(.gpus(2000, link: .nvlink))
        #expect(site.plan().starts.isEmpty)
        #expect(site.shortfalls(job)["a"]?.first?.description.contains("link nvlink asked") == true)
        #expect(try site.given(.gpus(2000, link: .xgmi)) == nil)
    }

    @Test func `a device that is ill is given to nobody`() throws {
        var ill = Device.gpu(0)
        ill.health = .unusable("it fell off the bus")
        var site = try Site(.machine("a", devices: [ill, .gpu(1)]))
        #expect(names(try site.given(.gpus(1000))) == ["gpu1"])
        #expect(try site.given(.gpus(1000)) == nil)
    }

    @Test func `a declared device's memory is reserved with it`() throws {
        var site = try Site(.machine("a", gibibytes: 16, devices: [try .qsim(count: 2)]))
        var request = ResourceRequest.qsim(29)
        request.memoryBytes = 1 << 30
        let given = try #require(try site.given(request))
        #expect(given.memoryBytes == 9 << 30)
        #expect(given.devices == [.init(name: "qsim0", kind: "qsim", thousandths: 1000)])
        #expect(try site.given(.qsim(29)) == nil, "an instance is free, its memory is not")
        #expect(try #require(try site.given(.qsim(28))).memoryBytes == 4 << 30)
    }

    @Test func `several instances take as much memory each`() throws {
        var site = try Site(.machine("a", devices: [try .qsim(count: 3)]))
        let given = try #require(try site.given(.qsim(27, count: 3)))
        #expect(given.memoryBytes == 6 << 30)
        #expect(given.devices == [.init(name: "qsim0", kind: "qsim", thousandths: 3000)])
    }

    @Test func `a device must offer what is asked of it`() throws {
        var site = try Site(.machine("a", devices: [try .qsim(0, qubits: 20), try .qsim(1, qubits: 28)]))
        #expect(names(try site.given(.qsim(24))) == ["qsim1"])
        let single = DeviceRequest(kind: "qsim", attributes: ["qubits": .number(3), "precision": .text("single")])
        #expect(try site.given(ResourceRequest(devices: [single])) == nil)
        let double = DeviceRequest(kind: "qsim", attributes: ["qubits": .number(3), "precision": .text("double")])
        #expect(names(try site.given(ResourceRequest(devices: [double]))) == ["qsim0"])
    }

    @Test func `one instance is not two, however it is asked for`() throws {
        var site = try Site(.machine("a", devices: [try .qsim(count: 1)]))
        #expect(try site.given(ResourceRequest(devices: [.qsim(10), .qsim(12)])) == nil)
        #expect(names(try site.given(.qsim(10))) == ["qsim0"])
        var gpu = try Site(.machine("a", devices: [.gpu(0)]))
        var both = ResourceRequest.gpus(500)
        both.devices = [DeviceRequest(kind: "gpu")]
        #expect(try gpu.given(both) == nil)
    }

    @Test func `of two requests for a kind the harder one is served first`() throws {
        let devices = [try Device.qsim(0, qubits: 30), try .qsim(1, qubits: 20)]
        var site = try Site(.machine("a", gibibytes: 64, devices: devices))
        let given = try #require(try site.given(ResourceRequest(devices: [.qsim(10), .qsim(30)])))
        #expect(Set(given.devices.map(\.name)) == ["qsim0", "qsim1"])
    }

    @Test(arguments: [59, 70, 1e9] as [Double])
    func `a size beyond all numbers fits nowhere, rather than everywhere`(qubits: Double) throws {
        var site = try Site(.machine("a", devices: [try .qsim(qubits: 1e12)]))
        #expect(try site.given(.qsim(qubits)) == nil)
        var heavy = ResourceRequest.qsim(57)
        heavy.memoryBytes = .max
        #expect(try site.given(heavy) == nil)
    }
}
