using DotNettyFraming.Server.Storage;
using DotNettyFraming.Tests.Harness;
using DotNettyFraming.Tests.Server.Storage;
using StackExchange.Redis;

namespace DotNettyFraming.Tests.Server.Forwarding;

/// <summary>FAULTS 39: entries that the forwarder appends to a real Redis, and how it continues after faults.</summary>
[Category("Slow")]
internal sealed class ForwarderTests
{
    private RedisServer _redis = null!;
    private TemporaryDirectory _directory = null!;

    private string Path => _directory.Path;

    private IDatabase Database => _redis.Database;

    [SetUp]
    public void Start()
    {
        _directory = new TemporaryDirectory();
        _redis = RedisServer.Start();
    }

    [TearDown]
    public void Stop()
    {
        _redis.Dispose();
        _directory.Dispose();
    }

    [Test]
    public void Entry_has_the_fields_of_the_manual()
    {
        using ForwardRig rig = NewRig();
        rig.Store.Store(new StoredPeer(7, "192.0.2.1:5555"), "a", "bc");
        rig.Settle();

        StreamEntry entry = Database.StreamRange(ForwardRig.Key).Single();
        Assert.That(entry.Values.Select(field => (string?)field.Name), Is.EqualTo(
            new[] { "v", "node", "header", "received", "packets", "parts", "peers", "bytes" }));
        Assert.That((string?)entry["v"], Is.EqualTo("1"));
        Assert.That((string?)entry["node"], Is.EqualTo("test"));
        Assert.That((string?)entry["header"], Is.EqualTo("26 len:u16le time:u32le"));
        Assert.That((string?)entry["packets"], Is.EqualTo("2"));
        Assert.That((string?)entry["peers"], Is.EqualTo("192.0.2.1:5555\n"));
        Assert.That((byte[]?)entry["bytes"], Is.EqualTo("&\u0001\0\0\u0001\0\0a&\u0002\0\0\u0001\0\0bc"u8.ToArray()));
        Assert.That((long)entry["received"], Is.EqualTo(long.Parse($"{entry.Id}".Split('-')[0])).Within(5000));
        Assert.That((string?)Database.StringGet($"{ForwardRig.Key}:last"), Is.EqualTo($"{entry.Id}"));
        Eventually.That(() => rig.Ends.ToArray(), Is.EqualTo(new[] { KeyValuePair.Create(7L, 2L) }));
        Assert.That(rig.Counters.Packets, Is.EqualTo(2));
        Assert.That(rig.Counters.Entries, Is.EqualTo(1));
    }

    [Test]
    public void Chunks_of_all_segments_are_appended_once_and_in_order()
    {
        Fill(20, rules => rules with { SegmentBytes = 100 }); // several closed segments, before anything is forwarded
        using ForwardRig rig = NewRig();
        Write(rig.Store, 50);
        rig.Settle();

        AssertEqual();
        Assert.That(rig.Errors, Is.Empty);
        Assert.That(rig.Counters.Failures, Is.Zero);
    }

    [Test]
    public void Restart_continues_behind_the_last_entry_whatever_the_cursor_says()
    {
        using (ForwardRig rig = NewRig())
        {
            Write(rig.Store, 5);
            rig.Settle();
        }

        string store = System.IO.Path.Combine(Path, "store.json");
        string cursor = File.ReadLines(store).Single(line => line.Contains("forwarded"));
        Assert.That(cursor, Does.Contain($"{Database.StreamInfo(ForwardRig.Key).LastGeneratedId}"));
        File.WriteAllText(store, File.ReadAllText(store).Replace(cursor, "  \"forwarded\": null"));
        using (ForwardRig rig = NewRig())
        {
            Write(rig.Store, 5);
            rig.Settle();
            Assert.That(rig.Errors, Is.Empty);
            Assert.That(rig.Counters.Entries, Is.EqualTo(5));
        }

        AssertEqual();
    }

    [Test]
    public void Redis_away_costs_nothing_but_time()
    {
        _redis.Kill();
        using ForwardRig rig = NewRig();
        Write(rig.Store, 20);
        Eventually.That(() => rig.Counters.Failures, Is.Positive);
        Assert.That(rig.Counters.IsConnected, Is.False);
        Assert.That(rig.Counters.LagBytes(), Is.EqualTo(20 * 8));
        _redis.Run();
        rig.Settle();

        AssertEqual();
        Assert.That(rig.Store.Warnings, Has.Exactly(1).Items.And.One.StartsWith("forwarding waits: "));
    }

    [Test]
    public void Killed_connections_and_forgotten_scripts_lose_and_double_nothing()
    {
        using ForwardRig rig = NewRig();
        for (int round = 0; round < 20; round++)
        {
            Write(rig.Store, 20);
            _ = round % 2 == 0 ? _redis.Server.Execute("SCRIPT", "FLUSH") : _redis.Server.Execute("CLIENT", "KILL", "TYPE", "normal");
        }

        rig.Settle();
        AssertEqual();
        Assert.That(rig.Errors, Is.Empty);
        Assert.That(rig.Counters.Entries, Is.EqualTo(400));
    }

    [Test]
    public void Killed_redis_loses_and_doubles_nothing()
    {
        using ForwardRig rig = NewRig();
        for (int round = 0; round < 5; round++)
        {
            Write(rig.Store, 30);
            _redis.Kill();
            Write(rig.Store, 5);
            _redis.Run();
        }

        rig.Settle();
        AssertEqual();
        Assert.That(rig.Errors, Is.Empty);
    }

    [Test]
    public void Empty_stream_is_an_error_and_is_filled_again()
    {
        using ForwardRig rig = NewRig();
        Write(rig.Store, 10);
        rig.Settle();
        Database.KeyDelete(ForwardRig.Key); // its companion key stays

        Write(rig.Store, 1);
        Eventually.That(() => rig.Errors.Count(), Is.EqualTo(1));
        rig.Settle();
        Assert.That(rig.Errors.Single(), Is.EqualTo(
            "framing:{test} has lost entries, its last one is empty: sending again from chunk 0; all of them still exist"));
        AssertEqual();
    }

    [Test]
    public void Group_made_before_the_first_entry_is_no_loss()
    {
        Database.StreamCreateConsumerGroup(ForwardRig.Key, "readers", "0", createStream: true);
        using ForwardRig rig = NewRig();
        Write(rig.Store, 3);
        rig.Settle();

        AssertEqual();
        Assert.That(rig.Errors, Is.Empty);
    }

    [Test]
    public void Rewound_stream_is_an_error_and_the_rest_is_sent_again()
    {
        using ForwardRig rig = NewRig();
        Write(rig.Store, 10);
        rig.Settle();
        byte[] stream = Database.KeyDump(ForwardRig.Key)!;
        RedisValue last = Database.StringGet($"{ForwardRig.Key}:last");
        Write(rig.Store, 10);
        rig.Settle();
        ITransaction failover = Database.CreateTransaction(); // as to a replica that has not the newest entries
        failover.ExecuteAsync("RESTORE", ForwardRig.Key, 0, stream, "REPLACE");
        failover.StringSetAsync($"{ForwardRig.Key}:last", last);
        failover.Execute();

        Write(rig.Store, 1);
        Eventually.That(() => rig.Errors.Count(), Is.EqualTo(1));
        rig.Settle();
        Assert.That(rig.Errors.Single(), Does.Contain($"its last one is {last}: sending again from chunk 10; all of them still exist"));
        AssertEqual();
    }

    [Test]
    public void Rewound_stream_names_chunks_that_no_longer_exist()
    {
        Fill(10, rules => rules with { SegmentBytes = 1 });
        using (ForwardRig rig = NewRig())
        {
            rig.Settle();
        }

        long first = StoreDirectory.Find(Path).First();
        File.Delete(System.IO.Path.Combine(Path, Segment.NameOf(first)));
        Database.KeyDelete(ForwardRig.Key);
        using (ForwardRig rig = NewRig())
        {
            Eventually.That(() => rig.Errors.Count(), Is.EqualTo(1));
            rig.Settle();
            Assert.That(rig.Errors.Single(), Does.EndWith("sending again from chunk 1; chunks 0 to 0 no longer exist"));
            AssertEqual();
        }
    }

    [Test]
    public void Stream_of_another_server_is_refused_until_it_is_away()
    {
        Database.StreamAdd(ForwardRig.Key, "x", "y", messageId: "99999999999999-5");
        using ForwardRig rig = NewRig();
        Write(rig.Store, 3);
        Eventually.That(() => rig.Errors.Count(), Is.EqualTo(1));
        Assert.That(rig.Errors.Single(), Does.StartWith("forwarding is refused: framing:{test} ends with 99999999999999-5, which is"));
        Assert.That(Database.StreamLength(ForwardRig.Key), Is.EqualTo(1));

        Database.KeyDelete([ForwardRig.Key, $"{ForwardRig.Key}:last"]);
        rig.Settle();
        AssertEqual();
    }

    [Test]
    public void New_store_continues_the_stream_of_an_old_one()
    {
        using (ForwardRig rig = NewRig())
        {
            Write(rig.Store, 3);
            rig.Settle();
        }

        using var other = new TemporaryDirectory();
        using (var rig = new ForwardRig(other.Path, _redis.Url))
        {
            Write(rig.Store, 3);
            rig.Settle();
            Assert.That(rig.Errors, Is.Empty);
        }

        Assert.That(Database.StreamLength(ForwardRig.Key), Is.EqualTo(6));
    }

    [Test]
    public void Full_redis_continues_when_a_consumer_trims()
    {
        long used = _redis.Server.Info("memory").Single().Select(pair => (pair.Key, pair.Value))
            .Where(pair => pair.Key == "used_memory").Select(pair => long.Parse(pair.Value)).Single();
        Database.Execute("CONFIG", "SET", "maxmemory", used + (2 << 20));
        using ForwardRig rig = NewRig();
        string payload = new('x', 60_000);
        var peer = new StoredPeer(1);
        for (int i = 0; i < 100; i++)
        {
            rig.Store.Store(peer, payload);
        }

        Eventually.That(() => rig.Store.Warnings.Count(), Is.EqualTo(1));
        Assert.That(rig.Store.Warnings.Single(), Does.StartWith("forwarding waits: OOM command not allowed"));
        var seen = new List<string>();
        using var patience = new CancellationTokenSource(Peer.Patience);
        while (seen.Count < 100)
        {
            patience.Token.ThrowIfCancellationRequested();
            foreach (StreamEntry entry in Database.StreamRange(ForwardRig.Key, count: 10))
            {
                seen.Add($"{entry.Id}");
                Database.StreamDelete(ForwardRig.Key, [entry.Id]);
            }
        }

        Assert.That(seen.Select(id => id.Split('-')[1]), Is.EqualTo(Enumerable.Range(0, 100).Select(chunk => $"{chunk}")));
        Assert.That(rig.Errors, Is.Empty);
    }

    [Test]
    public void Old_entries_are_trimmed_after_the_time_to_keep()
    {
        Database.StreamAdd(ForwardRig.Key, "x", new string('y', 5000), messageId: "1-1");
        using ForwardRig rig = NewRig(keep: TimeSpan.FromHours(1));
        Write(rig.Store, 1);
        rig.Settle();
        Eventually.That(() => Database.StreamRange(ForwardRig.Key).First().Id != "1-1", Is.True);
    }

    [Test]
    public void Wrong_password_is_a_warning_without_the_password()
    {
        using RedisServer guarded = RedisServer.Start("correct-horse", []);
        string file = System.IO.Path.Combine(_redis.Folder, "password");
        File.WriteAllText(file, "wrong-secret\n");
        using var rig = new ForwardRig(Path, guarded.Url, rules => rules with { PasswordFile = file });
        Write(rig.Store, 3);
        Eventually.That(() => rig.Store.Warnings.Count(), Is.EqualTo(1));
        File.WriteAllText(file, "correct-horse\n"); // read again for each connection
        rig.Settle();

        Assert.That(guarded.Database.StreamLength(ForwardRig.Key), Is.EqualTo(3));
        Assert.That(rig.Store.Logger.Lines.Select(line => line.Message), Has.None.Contains("secret").And.None.Contains("horse"));
    }

    [Test]
    public void Server_with_a_certificate_of_the_ca_is_accepted()
    {
        using var authority = new TestCertificates();
        using RedisServer redis = RedisServer.StartTls(authority);
        using var rig = new ForwardRig(
            Path, $"rediss://127.0.0.1:{redis.TlsPort}", rules => rules with { CaFile = authority.AuthorityFile });
        Write(rig.Store, 3);
        rig.Settle();

        ForwardRig.AssertEqual(Path, redis.Database);
        Assert.That(rig.Store.Warnings, Is.Empty);
    }

    [Test]
    public void Server_with_a_certificate_of_another_ca_is_a_warning_that_names_the_ca()
    {
        using var authority = new TestCertificates();
        using var other = new TestCertificates("other");
        using RedisServer redis = RedisServer.StartTls(authority);

        AssertRefused(redis, other.AuthorityFile,
            $"the Redis server's certificate, CN=redis, is not accepted by --forward-ca '{other.AuthorityFile}': "
            + "unable to get local issuer certificate");
        AssertRefused(redis, ca: null,
            "the Redis server's certificate, CN=redis, is not accepted by this system's CAs: unable to get local issuer certificate");
    }

    [Test]
    public void Server_with_a_certificate_for_another_host_is_a_warning_that_says_so()
    {
        using var authority = new TestCertificates();
        using RedisServer redis = RedisServer.StartTls(authority, host: "redis.example");

        AssertRefused(redis, authority.AuthorityFile,
            "the Redis server's certificate, CN=redis, is for another host than --forward names");
    }

    [Test]
    [Category("Slow")]
    public void Entry_counts_as_forwarded_when_a_replica_has_it()
    {
        using RedisServer replica = RedisServer.Start("--replicaof", "127.0.0.1", $"{_redis.Port}", "--repl-diskless-sync-delay", "0");
        using var rig = new ForwardRig(Path, _redis.Url, rules => rules with { Replicas = 1 });
        Write(rig.Store, 20);
        rig.Settle();
        Assert.That(rig.Counters.Entries, Is.EqualTo(20));

        replica.Kill();
        Write(rig.Store, 5);
        Eventually.That(() => Database.StreamLength(ForwardRig.Key), Is.EqualTo(25));
        Eventually.That(() => rig.Store.Warnings.LastOrDefault(), Is.EqualTo(
            "forwarding waits: 0 of 1 replicas confirmed in time; the store keeps everything until it goes on"));
        Assert.That(rig.Counters.Entries, Is.EqualTo(20));
        _redis.Server.Execute("CLIENT", "KILL", "TYPE", "normal"); // a new connection has to write before WAIT means something

        replica.Run();
        rig.Settle();
        Assert.That(rig.Counters.Entries, Is.EqualTo(25));
        Assert.That(replica.Database.StreamLength(ForwardRig.Key), Is.EqualTo(25));
    }

    private ForwardRig NewRig(TimeSpan keep = default) => new(Path, _redis.Url, rules => rules with { Keep = keep });

    private void AssertRefused(RedisServer redis, string? ca, string why)
    {
        using var rig = new ForwardRig(Path, $"rediss://127.0.0.1:{redis.TlsPort}", rules => rules with { CaFile = ca });
        Write(rig.Store, 1);
        Eventually.That(() => rig.Store.Warnings.FirstOrDefault(), Is.EqualTo(
            $"forwarding waits: {why}; the store keeps everything until it goes on"));
        Assert.That(rig.Counters.Entries, Is.Zero);
        Assert.That(redis.Database.KeyExists(ForwardRig.Key), Is.False);
    }

    private void AssertEqual() => ForwardRig.AssertEqual(Path, Database);

    /// <summary>Stores packets, each in a chunk of its own, without forwarding them.</summary>
    private void Fill(int packets, Func<StoreRules, StoreRules> change)
    {
        using var store = new StoreRig(Path, change);
        Write(store, packets);
    }

    private static void Write(StoreRig store, int packets)
    {
        var peer = new StoredPeer(store.FirstConnection);
        for (int i = 0; i < packets; i++)
        {
            store.Store(peer, "x");
        }
    }
}
