using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Benchmarks.Cluster;

/// <summary>
/// An engine that computes nothing: 50 times a second it gives every stream a token at the same moment.
/// </summary>
internal sealed class PacedGenerator : IGenerator
{
    private static readonly TimeSpan s_step = TimeSpan.FromMilliseconds(20);
    private readonly List<Stream> _streams = [];

    public PacedGenerator(ModelShape model)
    {
        Model = model;
        new Thread(Run) { IsBackground = true, Name = "paced" }.Start();
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
        var next = Stopwatch.GetTimestamp();
        while (true)
        {
            lock (_streams)
            {
                while (_streams.Count == 0)
                {
                    Monitor.Wait(_streams);
                    next = Stopwatch.GetTimestamp();
                }

                due.Clear();
                due.AddRange(_streams);
            }

            foreach (var stream in due)
            {
                stream.Step();
            }

            next += (long)(s_step.TotalSeconds * Stopwatch.Frequency);
            var left = Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), next);
            if (left > TimeSpan.Zero)
            {
                Thread.Sleep(left);
            }
        }
    }

    private sealed class Stream(int promptTokens, int maxTokens)
    {
        private int _tokens;

        public Channel<GeneratedPiece> Pieces { get; } = Channel.CreateUnbounded<GeneratedPiece>(
            new UnboundedChannelOptions { SingleWriter = true });

        public void Step()
        {
            if (++_tokens > maxTokens)
            {
                return;
            }

            var piece = new GeneratedPiece { Text = " and", TokenIds = [PacedToken.Now()] };
            Pieces.Writer.TryWrite(_tokens < maxTokens
                ? piece
                : piece with { FinishReason = FinishReason.Length, Usage = new Usage(promptTokens, maxTokens) });
            if (_tokens == maxTokens)
            {
                Pieces.Writer.TryComplete();
            }
        }
    }
}
