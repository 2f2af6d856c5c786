using TorchKv.Runtime.Contracts;
using TorchKv.Structured.Automata;
using TorchKv.Structured.Grammars;
using TorchKv.Structured.Matching;

namespace TorchKv.Structured.Tests;

[Trait("speed", "fast")]
public sealed class CompileCacheTests
{
    private static readonly ListVocabulary Vocabulary = new(["a", "b", "c"]);

    [Fact]
    public async Task ManyRequestsForOneConstraintCompileItOnce()
    {
        var cache = new CompileCache(1 << 20);
        var (runs, gate) = (0, new ManualResetEventSlim());
        var requests = Enumerable.Range(0, 10).Select(_ => cache.GetAsync((1, 2), () =>
        {
            gate.Wait();
            Interlocked.Increment(ref runs);
            return Compile("a");
        }, default)).ToArray();
        gate.Set();
        var compiled = await Task.WhenAll(requests);
        Assert.Equal(1, runs);
        Assert.All(compiled, one => Assert.Same(compiled[0], one));
    }

    [Fact]
    public async Task OverTheByteLimitTheOldestGoFirst()
    {
        var size = Compile("a").Bytes;
        var cache = new CompileCache((size * 3) + (size / 2));
        var runs = new List<int>();
        foreach (var key in new[] { 1, 2, 3, 1, 4, 1, 2 })
        {
            await cache.GetAsync(((UInt128)key, 0), () =>
            {
                lock (runs)
                {
                    runs.Add(key);
                }

                return Compile("a");
            }, default);
        }

        Assert.Equal([1, 2, 3, 4, 2], runs);
        Assert.Equal(3, cache.Count);
    }

    [Fact]
    public async Task AFailedCompilationIsNotKept()
    {
        var cache = new CompileCache(1 << 20);
        await Assert.ThrowsAsync<ConstraintException>(() => cache.GetAsync((1, 1), () => throw new ConstraintException("no"), default));
        Assert.Equal(0, cache.Count);
        Assert.NotNull(await cache.GetAsync((1, 1), () => Compile("a"), default));
    }

    [Fact]
    public async Task WhoStopsWaitingLeavesTheOthersTheirResult()
    {
        var cache = new CompileCache(1 << 20);
        using var gate = new ManualResetEventSlim();
        using var stop = new CancellationTokenSource();
        var first = cache.GetAsync((1, 1), Run, stop.Token);
        var second = cache.GetAsync((1, 1), Run, default);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        gate.Set();
        Assert.NotNull(await second);

        CompiledGrammar Run()
        {
            gate.Wait();
            return Compile("a");
        }
    }

    [Fact]
    public async Task ConstraintsThatDifferAreCompiledApart()
    {
        var first = await TokenConstraint.Choice("ab", "c").CompileAsync(Vocabulary);
        var second = await TokenConstraint.Choice("a", "bc").CompileAsync(Vocabulary);
        var third = await TokenConstraint.Regex("ab").CompileAsync(Vocabulary);
        Assert.True(first.TryAppend(0) && !first.CanEnd);
        Assert.True(second.TryAppend(0) && second.CanEnd);
        Assert.True(third.TryAppend(0) && !third.CanEnd);
        Assert.Throws<ConstraintException>(() => TokenConstraint.Choice());
    }

    [Fact]
    public void TheDeadlineEndsACompilation()
    {
        var budget = new WorkBudget(WorkLimits.Default with { CompileTime = TimeSpan.Zero });
        var error = Assert.Throws<ConstraintException>(() => new GrammarParser("root ::= \"a\"", budget).Parse());
        Assert.Equal("compile time", error.Keyword);
    }

    private static CompiledGrammar Compile(string text)
    {
        var regexes = new RegexFactory();
        var grammar = new Grammar(regexes, new GrammarBuilder(regexes).Literal(text));
        return new CompiledGrammar(grammar, Vocabulary, new WorkBudget(WorkLimits.Default));
    }
}
