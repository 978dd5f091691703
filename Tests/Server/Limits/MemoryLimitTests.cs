using DotNettyFraming.Server.Limits;

namespace DotNettyFraming.Tests.Server.Limits;

public sealed class MemoryLimitTests
{
    private const long MiB = 1024 * 1024;

    private string _root = "";

    [SetUp]
    public void Make_a_root() => _root = Directory.CreateTempSubdirectory("memory-limit").FullName;

    [TearDown]
    public void Remove_the_root() => Directory.Delete(_root, recursive: true);

    [Test]
    public void Version_2_takes_the_least_of_the_group_and_those_above_it()
    {
        Write("proc/self/cgroup", "0::/system.slice/framing.service\n");
        Write("sys/fs/cgroup/system.slice/framing.service/memory.max", "max\n");
        Write("sys/fs/cgroup/system.slice/memory.max", "536870912\n");
        Write("sys/fs/cgroup/memory.max", "1073741824\n");

        Assert.That(MemoryLimit.GroupBytes(_root), Is.EqualTo(536_870_912));
    }

    [Test]
    public void Version_1_is_read_from_the_memory_controller()
    {
        Write("proc/self/cgroup", "5:cpu,cpuacct:/a\n4:memory:/docker/0123\n0::/\n");
        Write("sys/fs/cgroup/memory/docker/0123/memory.limit_in_bytes", "268435456\n");
        Write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");

        Assert.That(MemoryLimit.GroupBytes(_root), Is.EqualTo(268_435_456));
    }

    [Test]
    public void Container_that_sees_the_path_of_its_host_finds_its_limit_at_the_top()
    {
        Write("proc/self/cgroup", "0::/kubepods/pod1/container\n");
        Write("sys/fs/cgroup/memory.max", "134217728\n");

        Assert.That(MemoryLimit.GroupBytes(_root), Is.EqualTo(134_217_728));
    }

    [TestCase(null)]
    [TestCase("")]
    [TestCase("nonsense\n0::/\n")]
    public void Without_a_limit_there_is_none(string? groups)
    {
        if (groups is not null)
        {
            Write("proc/self/cgroup", groups);
        }

        Write("sys/fs/cgroup/memory.max", "nonsense");

        Assert.That(MemoryLimit.GroupBytes(_root), Is.EqualTo(long.MaxValue));
    }

    [TestCase(1024 * MiB, 768 * MiB, 1024 * MiB, TestName = "Gc_takes_75_percent_of_a_container")]
    [TestCase(1024 * MiB, 100 * MiB, 100 * MiB, TestName = "Gc_has_a_limit_of_its_own_below_that")]
    [TestCase(long.MaxValue, 8192 * MiB, 8192 * MiB, TestName = "No_container")]
    [TestCase(16384 * MiB, 8192 * MiB, 8192 * MiB, TestName = "Container_is_allowed_more_than_the_machine_has")]
    [TestCase(9223372036854771712, 8192 * MiB, 8192 * MiB, TestName = "Version_1_without_a_limit")]
    public void Limit_is_the_containers_and_not_the_share_of_the_gc(long group, long gc, long limit) =>
        Assert.That(MemoryLimit.Of(group, gc), Is.EqualTo(limit));

    private void Write(string file, string text)
    {
        string path = Path.Combine(_root, file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
    }
}
