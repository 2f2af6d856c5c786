using System.Runtime.CompilerServices;
using System.Threading.Channels;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Benchmarks.Http;

/// <summary>An engine that computes nothing: a thread gives every stream one token a step.</summary>
internal sealed class StubGenerator : IGenerator
{
    // One object for all tokens, so that what is allocated is the server's.
    private static readonly GeneratedPiece s_piece = new() { Text = " and", TokenIds = [290] };
    private readonly List<Stream> _streams = [];
    private readonly TimeSpan _step;

    /// <param name="model">The shape that it shows.</param>
    /// <param name="step">Time between two tokens of a stream.</param>
    public StubGenerator(ModelShape model, TimeSpan step)
    {
        (Model, _step) = (model, step);
        new Thread(Run) { IsBackground = true, Name = "stub" }.Start();
    }

    public ModelShape Model { get; }

    public GeneratorLoad Load
    {
        get
        {
            lock (_streams)
            {
                return new GeneratorLoad(0, _streams.Count, 1000, 1000, 16);
            }
        }
    }

    public async IAsyncEnumerable<GeneratedPiece> GenerateAsync(
        IReadOnlyList<int> promptIds,
        GenerationOptions? options = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var stream = new Stream(promptIds.Count, (options ?? new GenerationOptions()).MaxNewTokens);
        lock (_streams)
        {
            _streams.Add(stream);
            Monitor.Pulse(_streams);
        }

        try
        {
            await foreach (var piece in stream.Pieces.Reader.ReadAllAsync(cancellationToken).ConfigureAwait(false))
            {
                yield return piece;
            }
        }
        finally
        {
            lock (_streams)
            {
                _streams.Remove(stream);
            }
        }
    }

    private void Run()
    {
        var due = new List<Stream>();
        while (true)
        {
            lock (_streams)
            {
                while (_streams.Count == 0)
                {
                    Monitor.Wait(_streams);
                }

                due.Clear();
                due.AddRange(_streams);
            }

            foreach (var stream in due)
            {
                stream.Step();
            }

            Thread.Sleep(_step);
        }
    }

    private sealed class Stream(int promptTokens, int maxTokens)
    {
        private int _tokens;

        public Channel<GeneratedPiece> Pieces { get; } = Channel.CreateUnbounded<GeneratedPiece>(
            new UnboundedChannelOptions { SingleWriter = true });

        public void Step()
        {
            if (++_tokens < maxTokens)
            {
                Pieces.Writer.TryWrite(s_piece);
            }
            else if (_tokens == maxTokens)
            {
                Pieces.Writer.TryWrite(
                    s_piece with { FinishReason = FinishReason.Length, Usage = new Usage(promptTokens, maxTokens) });
                Pieces.Writer.TryComplete();
            }
        }
    }
}
