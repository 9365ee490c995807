import BerthModel
import BerthPlanner
import BerthScheduling
import Testing

@Suite struct SubmissionTests {
    private func refusal(_ act: () throws -> Void) -> Refusal? {
        do {
            try act()
            return nil
        } catch { return error as? Refusal }
    }

    /// What the job is told on a fleet of one GPU node and one node with a 30-qubit simulator.
    private func refusal(
        _ resources: ResourceRequest = ResourceRequest(), queue: String = "batch",
        _ change: (inout JobSpecification) -> Void = { _ in }
    ) throws
        -> String?
    {
        var room = ControlRoom(
            .machine("gpu1", numaNodes: 2, cores: 8, devices: [.gpu(0, "NVIDIA A100"), .gpu(1, "NVIDIA A100")]),
            .machine("sim1", cores: 4, gibibytes: 24, devices: [try .qsim(0, qubits: 30), try .qsim(1, qubits: 40)]))
        _ = room.round()
        do {
            _ = try room.submit(resources, queue: queue, change)
            return nil
        } catch {
            #expect(room.round().events.isEmpty, "a refusal changes nothing")
            return error.description
        }
    }

    @Test func `more qubits than any device has are refused with the numbers`() throws {
        let text = try #require(try refusal(.qsim(45)))
        #expect(text.contains("sim1"))
        #expect(text.contains("qubits 45 asked, the best here is 40"))
    }

    @Test func `qubits that need more memory than the node has are refused with the numbers`() throws {
        let text = try #require(try refusal(.qsim(31)))
        #expect(text.contains("32 GiB memory asked, it offers 24 GiB"))
        #expect(try refusal(.qsim(30)) == nil)
    }

    @Test func `a device request must say what its memory is reckoned from`() throws {
        let text = try #require(try refusal(ResourceRequest(devices: [DeviceRequest(kind: "qsim")])))
        #expect(text.contains("qubits"))
    }

    @Test func `a GPU model that nobody has is refused with those that are there`() throws {
        let text = try #require(try refusal(.gpus(1000, models: ["H100"])))
        #expect(text.contains("gpu1"))
        #expect(text.contains("model H100 asked, the best here is NVIDIA A100"))
    }

    @Test func `more memory, cores or GPUs than any node has are refused with the nearest`() throws {
        #expect(
            try #require(try refusal(.cores(1, gibibytes: 64))).contains("gpu1: 64 GiB memory asked, it offers 32 GiB.")
        )
        #expect(try #require(try refusal(.cores(20))).contains("gpu1: 20 cores asked, it has 16."))
        #expect(try #require(try refusal(.gpus(3000))).contains("gpu1: 3 gpu asked, it has 2."))
        #expect(
            try #require(try refusal(ResourceRequest(cpus: 17, countsThreads: true))).contains(
                "17 threads asked, it has 16"))
        #expect(try #require(try refusal(.cores(9, .numa))).contains("not within one NUMA node"))
    }

    @Test func `what fits when the fleet is empty is accepted, however busy it is`() throws {
        var room = ControlRoom(.machine("a", cores: 2))
        _ = try room.running(.cores(2))
        #expect(refusal { _ = try room.submit(.cores(2)) } == nil)
        var without = ControlRoom()
        #expect(refusal { _ = try without.submit(.cores(2000)) } == nil, "a fleet without nodes refuses nothing")
    }

    @Test func `one shape that could run is enough`() throws {
        #expect(try refusal(.cores(2000)) { $0.alternatives = [.cores(4)] } == nil)
    }

    @Test func `a constraint that no node meets is refused`() throws {
        let zone = try Expression("node.label.zone == 'mars'")
        #expect(
            try #require(try refusal { $0.constraints = [zone] }).contains(
                "the constraint node.label.zone == 'mars' does not hold"))
    }

    @Test func `unknown names are refused with the ones that were meant`() throws {
        #expect(try refusal(queue: "bacth") == "There is no queue \"bacth\". Did you mean \"batch\"?")
        #expect(
            try refusal(queue: "interactive") == "There is no queue \"interactive\". There are urgent, batch, spot.")
        let typo = ResourceRequest(devices: [DeviceRequest(kind: "qsin", attributes: ["qubits": .number(1)])])
        #expect(try #require(try refusal(typo)).contains("Did you mean \"qsim\"?"))
        #expect(try #require(try refusal { $0.pool = "torch" }).contains("torch"))
        #expect(try #require(try refusal { $0.model = ModelReference("resnet") }).contains("no pool that has it"))
    }

    @Test func `a time or a grace over the queue's limit is refused with both`() throws {
        var room = ControlRoom(queues: [
            Queue(name: "batch", tier: 1, maximumTime: .seconds(3600), maximumGrace: .seconds(60))
        ])
        #expect(
            refusal { _ = try room.submit { $0.timeLimit = .seconds(7200) } }?.description
                == "The job asks for 2h 00m; queue batch allows 1h 00m. Ask for less with --time.")
        #expect(refusal { _ = try room.submit { $0.timeLimit = .seconds(3600) } } == nil)
        #expect(
            refusal { _ = try room.submit { $0.grace = .seconds(61) } }
                == .graceOverQueueLimit(asked: .seconds(61), limit: .seconds(60), queue: "batch"))
    }

    @Test func `a deadline that has passed is refused`() throws {
        var room = ControlRoom()
        room.wait(.seconds(5))
        let now = room.now
        #expect(refusal { _ = try room.submit { $0.deadline = now } } == .deadlinePassed(now))
    }

    @Test func `several nodes for one task are refused`() throws {
        #expect(try #require(try refusal(ResourceRequest(nodes: 9))).contains("9 nodes"))
    }

    @Test func `jobs that wait for each other in a circle are refused, named in order`() throws {
        func job(_ name: String, _ places: Int...) -> Dispatcher.RequestedJob {
            .init(.plain { $0.name = name }, dependsOn: places.map { ($0, .succeeded) })
        }
        var room = ControlRoom()
        #expect(
            refusal { _ = try room.submit([job("prepare"), job("a", 2, 0), job("b", 3), job("c", 1)]) }
                == .cyclicDependency(["a", "b", "c", "a"]))
        #expect(refusal { _ = try room.submit([job("self", 0)]) } == .cyclicDependency(["self", "self"]))
        #expect(room.round().events.isEmpty)
        #expect(refusal { _ = try room.submit([job("d", 1, 2), job("e", 2), job("f")]) } == nil)
    }

    @Test func `a long chain of jobs is taken in, whichever way round it is written`() throws {
        var room = ControlRoom()
        let forward = (0..<2000).map { place in
            Dispatcher.RequestedJob(.plain(), dependsOn: place == 0 ? [] : [(place - 1, .succeeded)])
        }
        let ids = try room.submit(forward)
        #expect(ids == (1...2000).map { Job.ID($0) })
        #expect(room.cluster.jobs[ids[7]]?.waitsFor == [Dependency(job: ids[6])])
        let backward = (0..<2000).map { place in
            Dispatcher.RequestedJob(.plain(), dependsOn: place == 1999 ? [] : [(place + 1, .succeeded)])
        }
        #expect(room.cluster.jobs.count == 2000)
        #expect(refusal { _ = try room.submit(backward) } == nil)
    }

    @Test func `a job cannot wait for itself by guessing its number, nor for one that is not there`() throws {
        var room = ControlRoom()
        let next = room.cluster.nextJob
        #expect(refusal { _ = try room.submit { $0.dependencies = [Dependency(job: next)] } } == .noJob(next))
        #expect(room.cluster.jobs.isEmpty)
    }

    @Test func `a dependency on what has ended is met, or refused, at once`() throws {
        var room = ControlRoom(.machine("a"))
        let attempt = try room.running()
        let job = attempt.id.task.job
        room.tell(.update(room.status(attempt, .ended(.exit(1), launch: .plain))))
        for _ in 0..<2 {
            let ids = try room.submit([.init(.plain { $0.dependencies = [Dependency(job: job, condition: .failed)] })])
            #expect(room.cluster.jobs[ids[0]]?.waitsFor == [])
            #expect(
                refusal { _ = try room.submit { $0.dependencies = [Dependency(job: job)] } }
                    == .dependencyFailed(job, .failed, .succeeded))
            _ = room.round()
        }
    }

    @Test func `the same key with the same content is the same job, before and after it is recorded`() throws {
        var room = ControlRoom()
        let job = try room.submit(key: "k", digest: "d")
        for _ in 0..<2 {
            let again = try room.submit(key: "k", digest: "d")
            #expect(again == job)
            #expect(refusal { _ = try room.submit(key: "k", digest: "other") } == .keyReused("k", jobs: [job]))
            _ = room.round()
        }
        let others = try room.submit([.init(.plain())], user: "bob", key: "k", digest: "other")
        #expect(others != [job], "keys are each user's own")
        #expect(room.cluster.jobs.count == 2)
    }

    @Test func `of several jobs all are accepted or none`() throws {
        var room = ControlRoom()
        #expect(refusal { _ = try room.submit([.init(.plain()), .init(.plain(queue: "nowhere"))]) } != nil)
        #expect(room.cluster.jobs.isEmpty)
        #expect(refusal { _ = try room.submit([]) }?.kind == .invalid)
        let ids = try room.submit([.init(.plain()), .init(.plain())])
        #expect(ids == [Job.ID(1), Job.ID(2)])
    }
}
