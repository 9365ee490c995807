import BerthPlanner
import BerthWorkloads
import Testing

struct OpenBTraceTests {
    private static let nodes = "sn,cpu_milli,memory_mib,gpu,model\nn0,64000,262144,2,P100\nn1,96000,393216,8,G2\n"
    private static let pods = """
        name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec
        a,12000,16384,1,1000,
        b,6000,12288,1,460,P100|T4
        c,6000,12288,0,0,P100
        a,12000,16384,1,1000,
        """

    @Test func `columns are found by name, and equal tasks are one shape`() throws {
        let trace = try OpenBTrace(nodes: Self.nodes, pods: Self.pods)
        #expect(trace.capacity == 10_000)
        #expect(trace.nodes.map(\.gpuCount) == [2, 8])
        #expect(trace.shapes.map(\.totalGPUMillis) == [1000, 460, 0])
        #expect(trace.tasks == [0, 1, 2, 0])
        #expect(trace.nodes.map { $0.fits(trace.shapes[1]) } == [true, false])
        // A task without a GPU may go to any node.
        #expect(trace.nodes.map { $0.fits(trace.shapes[2]) } == [true, true])
    }

    @Test func `a list without models allowed and with Windows line ends is read too`() throws {
        let pods = "gpu_milli,num_gpu,memory_mib,cpu_milli\r\n500,1,1024,2000\r\n"
        let trace = try OpenBTrace(nodes: Self.nodes, pods: pods)
        #expect(trace.shapes.count == 1)
        #expect(trace.shapes[0].cpuMillis == 2000)
        #expect(trace.shapes[0].isShare)
    }

    @Test(arguments: [
        ("", "The pod list has no rows"), ("name,cpu_milli\na,1", "line 1 names no column memory_mib"),
        ("cpu_milli,memory_mib,num_gpu,gpu_milli\n1,2,3", "line 2 has 3 columns; the header has 4"),
        ("cpu_milli,memory_mib,num_gpu,gpu_milli\n1,1,1,500\n-1,2,1,500", "line 3 has cpu_milli \"-1\""),
        ("cpu_milli,memory_mib,num_gpu,gpu_milli\n1,nan,1,500", "memory_mib \"nan\""),
        ("cpu_milli,memory_mib,num_gpu,gpu_milli\n1,1,17,1000", "num_gpu \"17\"; it takes a whole number from 0 to 16"),
        ("cpu_milli,memory_mib,num_gpu,gpu_milli\n1,1,2,500", "gpu_milli \"500\"; it takes a whole number from 1000"),
        ("cpu_milli,memory_mib,num_gpu,gpu_milli\n1,1,1,99999999999999999999", "from 1 to 1000"),
        ("cpu_milli,memory_mib,num_gpu,gpu_milli\n1,1,0,0", "No task of the pod list wants a GPU"),
    ])
    func `a bad pod list is refused with the line and what would be right`(pods: String, message: String) {
        #expect { try OpenBTrace(nodes: Self.nodes, pods: pods) } throws: { "\($0)".contains(message) }
    }

    @Test(arguments: [
        ("cpu_milli,memory_mib,gpu,model\n1000,1024,0,none", "The node list has no GPU"),
        ("cpu_milli,memory_mib,gpu,model\n1000,1024,x,T4", "The node list's line 2 has gpu \"x\""),
        ("cpu_milli,memory_mib,gpu\n1000,1024,1", "names no column model"),
    ])
    func `a bad node list is refused`(nodes: String, message: String) {
        #expect { try OpenBTrace(nodes: nodes, pods: Self.pods) } throws: { "\($0)".contains(message) }
    }

    @Test func `a list that wants next to no GPU is refused rather than run for hours`() {
        let pods = (0..<20_000).map { "\($0),1,\($0 == 0 ? "1,1" : "0,0")" }.joined(separator: "\n")
        #expect {
            try OpenBTrace(nodes: Self.nodes, pods: "cpu_milli,memory_mib,num_gpu,gpu_milli\n" + pods)
        } throws: {
            "\($0)".contains("Take fewer nodes, or tasks that want more GPU.")
        }
    }

    @Test func `more models than a set can hold are refused`() {
        let models = (0...64).map { "n\($0),1000,1024,1,model\($0)" }.joined(separator: "\n")
        #expect { try OpenBTrace(nodes: "sn,cpu_milli,memory_mib,gpu,model\n" + models, pods: Self.pods) } throws: {
            "\($0)".contains("Line 66 names one GPU model too many")
        }
    }
}
