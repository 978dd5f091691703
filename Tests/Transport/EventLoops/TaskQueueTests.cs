using DotNetty.Common.Concurrency;
using DotNettyFraming.Transport.EventLoops;

namespace DotNettyFraming.Tests.Transport.EventLoops;

public class TaskQueueTests
{
    [Test]
    public void Tasks_come_out_in_order_across_batches()
    {
        var queue = new TaskQueue();
        var tasks = Enumerable.Range(0, 6).Select(_ => new Nothing()).ToArray();
        queue.TryEnqueue(tasks[0]);
        queue.TryEnqueue(tasks[1]);
        queue.TryEnqueue(tasks[2]);

        Assert.That(queue.TryDequeue(out IRunnable? first) ? first : null, Is.SameAs(tasks[0]));
        queue.TryEnqueue(tasks[3]);
        Assert.That(queue.Count, Is.EqualTo(3));
        for (int i = 1; i < 4; i++)
        {
            Assert.That(queue.TryDequeue(out IRunnable? next) ? next : null, Is.SameAs(tasks[i]));
        }

        Assert.That(queue.IsEmpty && queue.Count == 0, Is.True);
        Assert.That(queue.TryDequeue(out _), Is.False);
    }

    [Test]
    public void Closed_queue_refuses_and_gives_out_what_it_had()
    {
        var queue = new TaskQueue();
        queue.TryEnqueue(new Nothing());
        queue.TryEnqueue(new Nothing());
        queue.TryDequeue(out _);
        queue.TryEnqueue(new Nothing());

        queue.Close();

        Assert.That(queue.TryEnqueue(new Nothing()), Is.False);
        Assert.That(queue.TryDequeue(out _) && queue.TryDequeue(out _), Is.True);
        Assert.That(queue.TryDequeue(out _), Is.False);
        Assert.That(queue.IsEmpty, Is.True);
    }

    private sealed class Nothing : IRunnable
    {
        public void Run()
        {
            // Only its identity matters.
        }
    }
}
