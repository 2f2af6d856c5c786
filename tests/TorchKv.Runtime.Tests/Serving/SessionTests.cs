using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Files;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Serving;
using TorchKv.Runtime.Text;
using TorchKv.Testing;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Serving;

[Trait("speed", "fast")]
public class SessionTests
{
    private static readonly GenerationOptions Ten = new() { MaxNewTokens = 10, EosTokenIds = [] };

    [Fact]
    public async Task ATurnEqualsAFreshRunAndComputesOnlyItself()
    {
        // The last sampled token's keys and values were never written in its turn: the next one has to.
        var runner = new FakeRunner(64);
        await using var engine = new Engine(
            runner, options: new EngineOptions { Scheduling = new SchedulingOptions { PrefixCaching = false } });
        await using var session = engine.StartSession();
        var all = new List<int>();
        for (var turn = 0; turn < 5; turn++)
        {
            int[] said = [turn, turn + 1, turn + 2];
            all.AddRange(said);
            var computed = engine.Stats.ComputedTokens;
            var answer = (await Alone.Read(session.ContinueAsync(said, Ten)))[0];
            await engine.SettleAsync();
            Assert.Equal(Alone.Generate(runner, all, Ten), answer);
            Assert.Equal(said.Length + (turn > 0 ? 1 : 0) + 9, engine.Stats.ComputedTokens - computed);
            all.AddRange(answer);
            Assert.Equal(all, session.TokenIds);
            Assert.Equal(all.Count - 1, session.ResidentTokens);
        }
    }

    [Fact]
    public async Task TheNextTurnContinuesWithoutTheEndOfTextId()
    {
        var runner = new FakeRunner(64, vocabulary: 4);
        await using var engine = new Engine(runner);
        await using var session = engine.StartSession();
        var options = new GenerationOptions { MaxNewTokens = 40 };
        var first = (await Alone.Read(session.ContinueAsync([1, 2], options)))[0];
        Assert.True(first.Count < 40);
        int[] joined = [1, 2, .. first, 2, 1];
        Assert.Equal(
            Alone.Generate(runner, joined, options), (await Alone.Read(session.ContinueAsync([2, 1], options)))[0]);
    }

    [Fact]
    public async Task ForksAndRewindsGoOnAsFreshRunsWould()
    {
        var runner = new FakeRunner(64);
        var engine = new Engine(runner);
        var session = engine.StartSession();
        await Alone.Read(session.ContinueAsync([1, 2, 3], Ten));
        var fork = await session.ForkAsync();
        int[] common = [.. session.TokenIds];
        var left = await Alone.Read(session.ContinueAsync([7], Ten));
        var right = await Alone.Read(fork.ContinueAsync([8], Ten));
        Assert.Equal(Alone.Generate(runner, [.. common, 7], Ten), left[0]);
        Assert.Equal(Alone.Generate(runner, [.. common, 8], Ten), right[0]);

        foreach (var keep in new[] { 11, 8, 5, 0 })
        {
            await session.RewindAsync(keep);
            Assert.Equal(common[..keep], session.TokenIds);
            Assert.Equal(
                Alone.Generate(runner, [.. common[..keep], 9], Ten),
                (await Alone.Read(session.ContinueAsync([9], Ten)))[0]);
        }

        await Assert.ThrowsAsync<RequestException>(() => session.RewindAsync(1000));
        await session.DisposeAsync();
        await fork.DisposeAsync();
        await EngineMixtureTests.AllBlocksAreBack(engine);
        await Assert.ThrowsAsync<RequestException>(() => Alone.Read(session.ContinueAsync([1], Ten)));
        await engine.DisposeAsync();
        await session.DisposeAsync();
    }

    [Fact]
    public async Task IdleSessionsReturnBlocksToAShortPoolAndContinue()
    {
        var runner = new FakeRunner(12, context: 48);
        await using var engine = new Engine(runner);
        var sessions = Enumerable.Range(0, 4).Select(_ => engine.StartSession()).ToArray();
        var texts = sessions.Select(_ => new List<int>()).ToArray();
        for (var turn = 0; turn < 3; turn++)
        {
            await Task.WhenAll(sessions.Select(async (session, i) =>
            {
                texts[i].AddRange([i, turn]);
                var answer = (await Alone.Read(session.ContinueAsync([i, turn], Ten)))[0];
                Assert.Equal(Alone.Generate(runner, texts[i], Ten), answer);
                texts[i].AddRange(answer);
            })).WaitAsync(TimeSpan.FromSeconds(30));
        }

        foreach (var session in sessions)
        {
            await session.DisposeAsync();
        }

        await EngineMixtureTests.AllBlocksAreBack(engine);
    }

    [Fact]
    public async Task TurnsRunOneAtATimeFailuresChangeNothing()
    {
        var fail = false;
        var runner = new FakeRunner(64);
        runner.Fault = _ =>
        {
            if (fail)
            {
                throw new InvalidOperationException("injected");
            }
        };
        await using var engine = new Engine(runner);
        await using var session = engine.StartSession();
        await Alone.Read(session.ContinueAsync([1, 2, 3], Ten));
        int[] before = [.. session.TokenIds];
        fail = true;
        await Assert.ThrowsAsync<RequestFailedException>(() => Alone.Read(session.ContinueAsync([4], Ten)));
        fail = false;
        Assert.Equal(before, session.TokenIds);
        using var pause = new ManualResetEventSlim();
        var first = runner.StepCount;
        runner.Fault = _ =>
        {
            if (runner.StepCount > first + 2)
            {
                pause.Wait();
            }
        };
        await using (var turn = session.ContinueAsync([4], Ten with { MaxNewTokens = 200 }).GetAsyncEnumerator())
        {
            Assert.True(await turn.MoveNextAsync());
            await Assert.ThrowsAsync<RequestException>(() => Alone.Read(session.ContinueAsync([5], Ten)));
            var rewind = session.RewindAsync(1);
            pause.Set();
            await Assert.ThrowsAsync<RequestException>(() => rewind);
        }

        int[] now = [.. session.TokenIds];
        Assert.Equal(Alone.Generate(runner, [.. now, 6], Ten), (await Alone.Read(session.ContinueAsync([6], Ten)))[0]);
    }

    [Fact]
    public async Task ASavedSessionContinuesElsewhereWithoutComputingItsPast()
    {
        var path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            var folder = RepositoryFiles.Weights("storyteller");
            var cpu = new CpuRunnerOptions { Threads = 2, BlockCount = 80 };
            var options = new GenerationOptions { MaxNewTokens = 30 };
            List<int> expected;
            int[] tokens;
            await using (var engine = await Engine.LoadAsync(folder, cpu: cpu))
            {
                await using var session = engine.StartSession("tenant");
                await Alone.Read(session.ContinueAsync("Once upon a time there was a cat.", options));
                await session.SaveAsync(path);
                tokens = [.. session.TokenIds];
                expected = (await Alone.Read(session.ContinueAsync(" The cat", options)))[0];
            }

            await using (var engine = await Engine.LoadAsync(folder, cpu: cpu))
            {
                await using var session = await engine.RestoreSessionAsync(path);
                Assert.Equal(tokens, session.TokenIds);
                Assert.Equal(tokens.Length - 1, session.ResidentTokens);
                Assert.Equal(expected, (await Alone.Read(session.ContinueAsync(" The cat", options)))[0]);
                Assert.True(engine.Stats.ComputedTokens < 40);
                // Blocks from a file are nobody else's: a stranger may have written them.
                Assert.Equal(0, engine.Stats.CachedBlocks);
            }

            await using (var engine = await Engine.LoadAsync(folder, cpu: cpu with { KvDType = CpuDType.BFloat16 }))
            {
                await Assert.ThrowsAsync<SessionFileException>(() => engine.RestoreSessionAsync(path));
            }
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public async Task AFailedCopyLeavesNoUnfilledBlock()
    {
        var runner = new FakeRunner(64);
        await using var engine = new Engine(runner);
        await using var session = engine.StartSession();
        await Alone.Read(session.ContinueAsync([1, 2, 3, 4, 5], Ten));
        await using var fork = await session.ForkAsync();
        int[] common = [.. session.TokenIds];

        // The last block has two of four tokens in it, and two who share it.
        Assert.Equal((14, 14), (session.ResidentTokens, fork.ResidentTokens));
        runner.CopyFault = (_, _) => throw new InvalidOperationException("injected");
        await Assert.ThrowsAsync<RequestFailedException>(() => Alone.Read(session.ContinueAsync([6], Ten)));
        Assert.Equal(common, session.TokenIds);
        Assert.Equal((12, 14), (session.ResidentTokens, fork.ResidentTokens));
        runner.CopyFault = null;
        Assert.Equal(
            Alone.Generate(runner, [.. common, 6], Ten), (await Alone.Read(session.ContinueAsync([6], Ten)))[0]);
        Assert.Equal(Alone.Generate(runner, [.. common, 7], Ten), (await Alone.Read(fork.ContinueAsync([7], Ten)))[0]);
    }

    [Fact]
    public async Task SimultaneousSavesToOneFileAreWholeLeavingNothingElse()
    {
        using var folder = new TemporaryFolder();
        await using var engine = new Engine(new FakeRunner(64), options: new EngineOptions { ModelIdentity = "fake" });
        await using var session = engine.StartSession();
        await Alone.Read(session.ContinueAsync([1, 2, 3], Ten));
        for (var round = 0; round < 5; round++)
        {
            await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => session.SaveAsync(folder["session"])));
            await using var restored = await engine.RestoreSessionAsync(folder["session"]);
            Assert.Equal(session.TokenIds, restored.TokenIds);
        }

        Assert.Equal([folder["session"]], Directory.GetFiles(folder.Path));
        await using var salted = engine.StartSession(new string('s', 70_000));
        await Assert.ThrowsAsync<RequestException>(() => salted.SaveAsync(folder["salted"]));
        Assert.Single(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public async Task ASessionIsSavedThroughALinkRefusingAFolder()
    {
        using var folder = new TemporaryFolder();
        await using var engine = new Engine(new FakeRunner(64), options: new EngineOptions { ModelIdentity = "fake" });
        await using var session = engine.StartSession();
        await Alone.Read(session.ContinueAsync([1, 2, 3], Ten));
        File.CreateSymbolicLink(folder["link"], "session");
        await session.SaveAsync(folder["link"]);
        await session.SaveAsync(folder["link"]);
        await using var restored = await engine.RestoreSessionAsync(folder["session"]);
        Assert.Equal(session.TokenIds, restored.TokenIds);
        Assert.Equal("session", new FileInfo(folder["link"]).LinkTarget);
        await Assert.ThrowsAsync<OutputFileException>(() => session.SaveAsync(folder.Path));
        await Assert.ThrowsAsync<OutputFileException>(() => session.SaveAsync(""));
        Assert.Equal(2, Directory.EnumerateFileSystemEntries(folder.Path).Count());
    }

    [Fact]
    public async Task ADamagedFileIsRefusedAndThePromptComputedAgain()
    {
        var path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            var runner = new FakeRunner(64);
            await using var engine = new Engine(runner, options: new EngineOptions { ModelIdentity = "fake" });
            await using var session = engine.StartSession();
            await Alone.Read(session.ContinueAsync([1, 2, 3], Ten));
            await session.SaveAsync(path);
            var good = File.ReadAllBytes(path);
            var random = new Random(3);
            for (var i = 0; i < 300; i++)
            {
                var bytes = (byte[])good.Clone();
                if (i % 3 == 0)
                {
                    bytes = bytes[..random.Next(bytes.Length)];
                }
                else if (i % 3 == 1)
                {
                    bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
                }
                else
                {
                    BitConverter.TryWriteBytes(
                        bytes.AsSpan(44 + (4 * random.Next(5))), random.Next(2) == 0 ? int.MaxValue : -1);
                }

                File.WriteAllBytes(path, bytes);
                var error = await Assert.ThrowsAsync<SessionFileException>(() => engine.RestoreSessionAsync(path));
                Assert.Equal(path, error.Path);
            }

            await using (var restored = await engine.RestoreSessionAsync(path, session.TokenIds))
            {
                Assert.NotNull(restored.RestoreFailure);
                int[] joined = [.. session.TokenIds, 5];
                Assert.Equal(
                    Alone.Generate(runner, joined, Ten), (await Alone.Read(restored.ContinueAsync([5], Ten)))[0]);
            }

            await session.DisposeAsync();
            await EngineMixtureTests.AllBlocksAreBack(engine);
            await using var nameless = new Engine(new FakeRunner(8));
            await Assert.ThrowsAsync<RequestException>(() => nameless.StartSession().SaveAsync(path));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Theory]
    [InlineData(null, 0)]
    [InlineData("tenant", 0)]
    [InlineData("", 12)]
    public async Task ADamagedSaltedFileGivesStrangersNoCachedBlocks(string? cacheSalt, int cachedForStrangers)
    {
        using var folder = new TemporaryFolder();
        await using var engine = new Engine(new FakeRunner(64), options: new EngineOptions { ModelIdentity = "fake" });
        int[] tokens;
        await using (var session = engine.StartSession("tenant"))
        {
            await Alone.Read(session.ContinueAsync([1, 2, 3], Ten));
            await session.SaveAsync(folder["session"]);
            tokens = [.. session.TokenIds];
        }

        var bytes = File.ReadAllBytes(folder["session"]);
        bytes[^40] ^= 1;
        File.WriteAllBytes(folder["session"], bytes);
        await using var other = new Engine(new FakeRunner(64), options: new EngineOptions { ModelIdentity = "fake" });
        await using var restored = await other.RestoreSessionAsync(folder["session"], tokens, cacheSalt);
        Assert.NotNull(restored.RestoreFailure);
        await Alone.Read(restored.ContinueAsync([5], Ten));
        await using var fork = await restored.ForkAsync();
        await Alone.Read(fork.ContinueAsync([6], Ten));
        Assert.Equal(cachedForStrangers, await Cached(null));
        Assert.Equal(cacheSalt == "tenant" ? 12 : 0, await Cached("tenant"));

        async Task<int> Cached(string? salt)
        {
            var cached = -1;
            await foreach (var piece in other.GenerateAsync(tokens, new() { MaxNewTokens = 1, EosTokenIds = [], CacheSalt = salt }))
            {
                cached = piece.Usage!.Value.CachedTokens;
            }

            return cached;
        }
    }

    [Fact]
    public async Task AStoppedSessionContinuesFromWrittenOrShownText()
    {
        var tokenizer = Gpt2Tokenizer.Load(RepositoryFiles.Weights("storyteller"));
        var runner = new FakeRunner(256, vocabulary: 4096);
        await using var engine = new Engine(runner, tokenizer);
        var options = new GenerationOptions { MaxNewTokens = 40, EosTokenIds = [] };
        int[] prompt = [5, 6, 7];
        var answer = Alone.Generate(runner, prompt, options);
        var whole = tokenizer.Decode(answer);
        var inTheMiddle = 0;
        for (var at = 3; at + 5 < whole.Length; at += 3)
        {
            var stop = whole.Substring(at, 5);
            var seen = whole[..whole.IndexOf(stop, StringComparison.Ordinal)];
            foreach (var keeps in new[] { true, false })
            {
                await using var session = engine.StartSession();
                var text = "";
                await foreach (var piece in session.ContinueAsync(prompt, options with { Stop = [stop], SessionKeepsStopText = keeps }))
                {
                    text += piece.Text;
                }

                Assert.Equal(seen, text);
                int[] tokens = [.. session.TokenIds];
                Assert.Equal(prompt, tokens[..3]);
                if (keeps)
                {
                    Assert.Equal(answer[..(tokens.Length - 3)], tokens[3..]);
                    Assert.StartsWith(seen + stop, tokenizer.Decode(tokens[3..]));
                }
                else
                {
                    Assert.Equal(seen, tokenizer.Decode(tokens[3..]));
                    inTheMiddle += tokens[3..].SequenceEqual(answer[..(tokens.Length - 3)]) ? 0 : 1;
                }

                // Blocks are kept as far as they hold the session's tokens.
                Assert.InRange(session.ResidentTokens, 0, tokens.Length);
                Assert.Equal(
                    Alone.Generate(runner, [.. tokens, 9], Ten),
                    (await Alone.Read(session.ContinueAsync([9], Ten)))[0]);
            }
        }

        Assert.True(inTheMiddle > 0, "no stop text began in the middle of a token");
        await EngineMixtureTests.AllBlocksAreBack(engine);
    }

    [Fact]
    public async Task ASnapshotShowsPoolAndTables()
    {
        using var pause = new ManualResetEventSlim();
        var runner = new FakeRunner(16);
        await using var engine = new Engine(runner);
        await using var session = engine.StartSession();
        await Alone.Read(session.ContinueAsync([1, 2, 3, 4, 5], Ten));
        var fork = await session.ForkAsync();
        var snapshot = await engine.SnapshotAsync();
        Assert.Equal(4, snapshot.Blocks.Count(b => b == BlockUse.Shared));
        Assert.Equal(12, snapshot.Blocks.Count(b => b == BlockUse.Free));
        Assert.Empty(snapshot.Sequences);
        await fork.DisposeAsync();
        var turn = session.ContinueAsync([6], new() { MaxNewTokens = 30, EosTokenIds = [] }).GetAsyncEnumerator();
        var first = runner.StepCount;
        runner.Fault = _ =>
        {
            if (runner.StepCount > first + 2)
            {
                pause.Wait();
            }
        };
        Assert.True(await turn.MoveNextAsync());
        var waiting = engine.SnapshotAsync();
        pause.Set();
        var sequence = Assert.Single((await waiting).Sequences);
        Assert.True(sequence.IsRunning);
        Assert.Equal((sequence.ComputedTokens + 3) / 4, sequence.Blocks.Count);
        await turn.DisposeAsync();
    }
}
