using System.Diagnostics.Metrics;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Text;
using TorchKv.Testing;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Serving;

[Trait("speed", "fast")]
public class EngineTests
{
    [Fact]
    public async Task ThreeLinesTellAStory()
    {
        var text = "";
        await using var engine = await Engine.LoadAsync(RepositoryFiles.Weights("storyteller"));
        await foreach (var piece in engine.GenerateAsync("Once upon a time", new() { MaxNewTokens = 100, Temperature = 0.8f, Seed = 7 }))
            text += piece.Text;
        Assert.StartsWith(",", text);
        Assert.True(text.Length > 100);
    }

    [Fact]
    public async Task WhatCannotBeServedIsRefusedBeforeAnythingIsQueued()
    {
        await using var engine = new Engine(new FakeRunner(8, context: 64));
        Refused<RequestException>([]);
        Refused<RequestException>([1, 32]);
        Refused<RequestException>([-1]);
        Refused<OptionException>([1], new() { MaxNewTokens = -1 });
        Refused<OptionException>([1], new() { Samples = 0 });
        Refused<OptionException>([1], new() { Samples = 1000 });
        Refused<OptionException>([1], new() { LogProbs = 101 });
        Refused<OptionException>([1], new() { Deadline = TimeSpan.Zero });
        Refused<OptionException>([1], new() { TopP = 2 });
        Refused<OptionException>([1], new() { Stop = [""] });
        Refused<RequestException>([1], new() { Stop = ["x"] });
        Refused<OptionException>([1], new() { Beams = new BeamSearchOptions(), Temperature = 1 });
        Refused<OptionException>([1], new() { Beams = new BeamSearchOptions(), Samples = 2 });
        Assert.Throws<RequestException>(() => engine.Submit("text"));
        Assert.Equal((65, 1, 64), Facts(Refused<ContextLengthException>(new int[65])));
        Assert.Equal((64, 1, 64), Facts(Refused<ContextLengthException>(new int[64])));
        var pool = Refused<PoolCapacityException>([1], new() { MaxNewTokens = 33 });
        Assert.Equal((9, 8), (pool.Needed, pool.Capacity));
        Assert.Equal(0, (await engine.SettleAsync()).QueuedRequests);
        Assert.Equal(8, (await engine.SettleAsync()).FreeBlocks);

        T Refused<T>(int[] prompt, GenerationOptions? options = null)
            where T : TorchKvException
        {
            Assert.Throws<T>(() => { engine.GenerateAsync(prompt, options); });
            return Assert.Throws<T>(() => engine.Submit(prompt, options));
        }

        static (long, long, long) Facts(ContextLengthException e) => (e.Used, e.Requested, e.Capacity);
    }

    [Fact]
    public async Task GenerationEndsAtTheContextsEndWithLength()
    {
        var runner = new FakeRunner(32, context: 20);
        await using var engine = new Engine(runner);
        var ids = new List<int>();
        GeneratedPiece? last = null;
        await foreach (var piece in engine.GenerateAsync([1, 2, 3], new() { MaxNewTokens = 100, EosTokenIds = [] }))
        {
            ids.AddRange(piece.TokenIds);
            last = piece;
        }

        Assert.Equal(17, ids.Count);
        Assert.Equal(FinishReason.Length, last!.FinishReason);
        Assert.Equal(new Usage(3, 17), last.Usage);
    }

    [Fact]
    public async Task ASecondTurnReportsItsPrefixHitInItsUsage()
    {
        var runner = new FakeRunner(64);
        await using var engine = new Engine(runner);
        var options = new GenerationOptions { MaxNewTokens = 10, EosTokenIds = [] };
        int[] first = [1, 2, 3, 4, 5, 6];
        var answer = (await Alone.Read(engine.GenerateAsync(first, options)))[0];
        int[] second = [.. first, .. answer, 7, 8];
        GeneratedPiece? last = null;
        var ids = new List<int>();
        await foreach (var piece in engine.GenerateAsync(second, options))
        {
            ids.AddRange(piece.TokenIds);
            last = piece;
        }

        Assert.Equal(Alone.Generate(runner, second, options), ids);
        Assert.Equal(12, last!.Usage!.Value.CachedTokens);
        Assert.Equal(12, engine.Stats.PrefixHitTokens);
    }

    [Fact]
    public async Task TenantsWithDifferentSaltsShareNothing()
    {
        await using var engine = new Engine(new FakeRunner(64));
        int[] prompt = [1, 2, 3, 4, 5, 6, 7, 8, 9];
        Assert.Equal(0, await Cached("alice"));
        Assert.Equal(0, await Cached("bob"));
        Assert.Equal(0, await Cached(null));
        Assert.Equal(8, await Cached("alice"));
        Assert.Equal(8, await Cached(null));

        async Task<int> Cached(string? salt)
        {
            var cached = -1;
            await foreach (var piece in engine.GenerateAsync(prompt, new() { MaxNewTokens = 1, EosTokenIds = [], CacheSalt = salt }))
            {
                cached = piece.Usage!.Value.CachedTokens;
            }

            return cached;
        }
    }

    [Fact]
    public async Task SamplesDifferAndTheFirstIsAsAlone()
    {
        var runner = new FakeRunner(64);
        await using var engine = new Engine(runner);
        var options = new GenerationOptions { MaxNewTokens = 12, Temperature = 1, Seed = 3, EosTokenIds = [], Samples = 4 };
        var rows = await Alone.Read(engine.GenerateAsync([1, 2, 3], options), 4);
        var alone = await Alone.Read(engine.GenerateAsync([1, 2, 3], options with { Samples = 1 }));
        Assert.Equal(alone[0], rows[0]);
        Assert.Equal(4, rows.Values.Select(r => string.Join(",", r)).Distinct().Count());
    }

    [Fact]
    public async Task NothingIsSampledOrBilledAfterAStopText()
    {
        await using var engine = await Engine.LoadAsync(
            RepositoryFiles.Weights("storyteller"), cpu: new CpuRunnerOptions { Threads = 1 });
        var whole = "";
        await foreach (var piece in engine.GenerateAsync("Once upon a time", new() { MaxNewTokens = 60 }))
        {
            whole += piece.Text;
        }

        // A stop text in the middle of words, over token borders.
        var stop = whole.Substring(40, 9);
        var stopped = "";
        var ids = 0;
        GeneratedPiece? last = null;
        await foreach (var piece in engine.GenerateAsync("Once upon a time", new() { MaxNewTokens = 60, Stop = [stop] }))
        {
            stopped += piece.Text;
            ids += piece.TokenIds.Count;
            last = piece;
        }

        Assert.Equal(whole[..whole.IndexOf(stop, StringComparison.Ordinal)], stopped);
        Assert.Equal(FinishReason.Stop, last!.FinishReason);
        Assert.Equal(ids, last.Usage!.Value.CompletionTokens);
        Assert.True(ids < 60);
    }

    [Fact]
    public async Task TheCallersOptionsAndPromptStayTheCallers()
    {
        var runner = new FakeRunner(64);
        await using var engine = new Engine(runner);
        var options = new GenerationOptions { MaxNewTokens = 20, Temperature = 1, RepetitionPenalty = 1.2f, Seed = 1 };
        var before = options with { };
        int[] prompt = [1, 2, 3];
        var expected = Alone.Generate(runner, prompt, options);
        var generation = engine.Submit(prompt, options);
        prompt[0] = 9;
        Assert.Equal(expected, (await Alone.Read(generation))[0]);
        Assert.Equal(before, options);
    }

    [Fact]
    public async Task ThePeakOfHeldBlocksCountsASharedBlockOnce()
    {
        var runner = new FakeRunner(64);
        await using var engine = new Engine(runner);
        Assert.Equal(0, engine.Stats.PeakHeldBlocks);
        Assert.Equal(runner.BytesPerBlock, engine.Stats.BytesPerBlock);

        // 8 prompt tokens fill 2 blocks that all 3 samples share; 8 more tokens, the last of them not stored, need 2
        // blocks each.
        await Alone.Read(
            engine.GenerateAsync(
                [1, 2, 3, 4, 5, 6, 7, 8],
                new() { MaxNewTokens = 8, EosTokenIds = [], Samples = 3, Temperature = 1, Seed = 1 }),
            3);
        await Alone.Read(engine.GenerateAsync([1], new() { MaxNewTokens = 2, EosTokenIds = [] }));
        var stats = await engine.SettleAsync();
        Assert.Equal((0, 2 + (3 * 2)), (stats.HeldBlocks, stats.PeakHeldBlocks));
    }

    [Fact]
    public async Task OptionListsAreCopiedWhenARequestIsMade()
    {
        var runner = new FakeRunner(64, vocabulary: 4096);
        var tokenizer = Gpt2Tokenizer.Load(RepositoryFiles.Weights("storyteller"));
        await using var engine = new Engine(runner, tokenizer);
        var plain = new GenerationOptions { MaxNewTokens = 20, EosTokenIds = [] };
        var expected = Alone.Generate(runner, [1, 2, 3], plain);
        var (eos, stop) = (new List<int>(), new List<string>());
        var options = plain with { EosTokenIds = eos, Stop = stop };
        var submitted = engine.Submit([1, 2, 3], options);
        var enumerable = engine.GenerateAsync([1, 2, 3], options);
        eos.Add(expected[0]);
        stop.Add(tokenizer.Decode(expected[..1]));
        stop.Add("");
        Assert.Equal(expected, (await Alone.Read(submitted))[0]);
        Assert.Equal(expected, (await Alone.Read(enumerable))[0]);
    }

    [Fact]
    public async Task ListsOfTurnsAndBeamsAreCopiedAtTheCall()
    {
        var runner = new FakeRunner(64);
        await using var engine = new Engine(runner);
        var plain = new GenerationOptions { MaxNewTokens = 12, EosTokenIds = [] };
        var expected = Alone.Generate(runner, [1, 2, 3], plain);
        var beams = plain with { Beams = new BeamSearchOptions { NumBeams = 3 } };
        var best = (await Alone.Read(engine.GenerateAsync([1, 2, 3], beams)))[0];
        await using var session = engine.StartSession();
        var (prompt, eos) = (new List<int> { 1, 2, 3 }, new List<int>());
        var turn = session.ContinueAsync(prompt, plain with { EosTokenIds = eos });
        var search = engine.GenerateAsync(prompt, beams with { EosTokenIds = eos });
        prompt.Clear();
        eos.AddRange(Enumerable.Range(0, 32));
        Assert.Equal(expected, (await Alone.Read(turn))[0]);
        Assert.Equal(best, (await Alone.Read(search))[0]);
    }

    [Fact]
    public async Task ValidateRefusesWhatARequestWouldAndQueuesNothing()
    {
        await using var engine = new Engine(new FakeRunner(8, context: 64));
        engine.Validate([1, 2, 3], new() { MaxNewTokens = 8 });
        Assert.Throws<RequestException>(() => engine.Validate([]));
        Assert.Throws<RequestException>(() => engine.Validate([1, 32]));
        Assert.Throws<OptionException>(() => engine.Validate([1], new() { TopP = 2 }));
        Assert.Throws<ContextLengthException>(() => engine.Validate(new int[64]));
        Assert.Throws<PoolCapacityException>(() => engine.Validate([1], new() { MaxNewTokens = 33 }));
        Assert.Throws<RequestException>(() => engine.Validate("text"));
        var stats = await engine.SettleAsync();
        Assert.Equal((0, 0L, 8), (stats.QueuedRequests, stats.Steps, stats.FreeBlocks));
    }

    [Fact]
    public async Task AnEnumerationMayBeRepeated()
    {
        await using var engine = new Engine(new FakeRunner(64));
        var pieces = engine.GenerateAsync([1, 2, 3], new() { MaxNewTokens = 9 });
        Assert.Equal((await Alone.Read(pieces))[0], (await Alone.Read(pieces))[0]);
    }

    [Fact]
    public async Task InstrumentsTellWhatHappened()
    {
        var seen = new Dictionary<string, double>();
        using var listener = new MeterListener { InstrumentPublished = (i, l) => { if (i.Meter.Name == "TorchKv.Runtime") { l.EnableMeasurementEvents(i); } } };
        listener.SetMeasurementEventCallback<double>((i, v, _, _) => Add(i.Name, 1));
        listener.SetMeasurementEventCallback<long>((i, v, _, _) => Add(i.Name, v));
        listener.SetMeasurementEventCallback<int>((i, v, _, _) => Add(i.Name, v));
        listener.Start();
        await using var engine = new Engine(new FakeRunner(64));
        await Alone.Read(engine.GenerateAsync([1, 2, 3, 4, 5, 6], new() { MaxNewTokens = 10, EosTokenIds = [] }));
        await engine.SettleAsync();
        listener.RecordObservableInstruments();
        lock (seen)
        {
            // Other tests' engines report on the same meter, so these are lower bounds.
            Assert.True(seen["torchkv.time_to_first_token"] >= 1);
            Assert.True(seen["torchkv.inter_token_latency"] >= 9);
            Assert.True(seen["torchkv.request.duration"] >= 1);
            Assert.True(seen["torchkv.generated.tokens"] >= 10);
            Assert.True(seen["torchkv.prompt.tokens"] >= 6);
            Assert.True(seen["torchkv.pool.blocks"] >= 64);
            Assert.Contains("torchkv.requests.queued", seen.Keys);
            Assert.Contains("torchkv.requests.running", seen.Keys);
            Assert.Contains("torchkv.pool.usage", seen.Keys);
            Assert.Contains("torchkv.preemptions", seen.Keys);
            Assert.Contains("torchkv.prefix.hit_tokens", seen.Keys);
        }

        void Add(string name, double value)
        {
            lock (seen)
            {
                seen[name] = seen.GetValueOrDefault(name) + value;
            }
        }
    }
}
