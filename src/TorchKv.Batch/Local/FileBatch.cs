using System.Text.Json;
using System.Threading.Channels;
using TorchKv.Batch.Errors;
using TorchKv.Batch.Lines;
using TorchKv.Server.InProcess;
using TorchKv.Server.Running;

namespace TorchKv.Batch.Local;

/// <summary>
/// Runs a file of requests in this process and appends their answers in the input's order. A run that ended, however it
/// ended, goes on where its files end.
/// </summary>
internal sealed class FileBatch : IDisposable
{
    private static readonly TimeSpan BetweenSyncs = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan WhenFull = TimeSpan.FromMilliseconds(20);

    private readonly FileBatchOptions _options;
    private readonly InputSurvey _survey;
    private readonly RecordFile _output;
    private readonly RecordFile _errors;
    private readonly HashSet<UInt128> _done;
    private readonly HashSet<long> _doneBadLines;
    private readonly long _created;
    private readonly long _before;
    private long _answered;
    private long _failed;

    private FileBatch(FileBatchOptions options, InputSurvey survey, RecordFile output, RecordFile errors, Found found)
    {
        (_options, _survey, _output, _errors) = (options, survey, output, errors);
        (_done, _doneBadLines) = (found.Lines, found.BadLines);
        (_answered, _failed) = (found.Answered, found.Failed);
        _before = found.Answered + found.Failed;

        // The answers' time is the input's: that of the run would differ from run to run.
        _created = new DateTimeOffset(File.GetLastWriteTimeUtc(options.Input)).ToUnixTimeSeconds();
    }

    /// <summary>How far the batch is.</summary>
    public FileBatchReport Report => new()
    {
        Lines = _survey.Count,
        Before = _before,
        Answered = Interlocked.Read(ref _answered),
        Failed = Interlocked.Read(ref _failed),
    };

    /// <summary>Reads the input and what is there of the output.</summary>
    /// <exception cref="BatchException">
    /// A file cannot be used, or the output is not of this input and these settings; nothing was changed.
    /// </exception>
    public static async Task<FileBatch> OpenAsync(FileBatchOptions options, CancellationToken cancellationToken)
    {
        CheckPaths(options);
        var survey = await InputSurvey.ReadAsync(options, cancellationToken).ConfigureAwait(false);
        RecordFile? output = null, errors = null;
        try
        {
            var found = new Found();
            output = RecordFile.Open(options.Output);
            await output.ReadAsync(
                key => survey.Mismatch(key) ?? found.Add(key, isAnswer: true),
                cancellationToken).ConfigureAwait(false);
            errors = RecordFile.Open(options.Errors);
            await errors.ReadAsync(
                key => survey.Mismatch(key) ?? found.Add(key, isAnswer: false),
                cancellationToken).ConfigureAwait(false);
            output.BeginAppending();
            errors.BeginAppending();
            return new FileBatch(options, survey, output, errors, found);
        }
        catch
        {
            output?.RemoveIfEmpty();
            errors?.RemoveIfEmpty();
            output?.Dispose();
            errors?.Dispose();
            throw;
        }
    }

    /// <summary>Runs the lines that have no answer yet.</summary>
    /// <param name="calls">Answers them.</param>
    /// <param name="onProgress">Called after each record.</param>
    /// <param name="cancellationToken">Stops the run; what was answered stays, and a later run goes on.</param>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    /// <exception cref="BatchException">The output cannot be written, or the model answers no more.</exception>
    public async Task RunAsync(
        InProcessCalls calls, Action<AnsweredLine>? onProgress, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var free = new SemaphoreSlim(_options.Concurrency);
        var window = Channel.CreateBounded<Task<AnsweredLine>>(
            new BoundedChannelOptions(_options.Window) { SingleReader = true, SingleWriter = true });
        var starting = StartAllAsync(calls, free, window.Writer, stop.Token);
        try
        {
            await WriteAllAsync(window.Reader, onProgress).ConfigureAwait(false);
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await SettleAsync(starting, window.Reader).ConfigureAwait(false);
            _output.Flush(toDisk: true);
            _errors.Flush(toDisk: true);
        }

        await starting.ConfigureAwait(false);
    }

    public void Dispose()
    {
        _errors.RemoveIfEmpty();
        _output.Dispose();
        _errors.Dispose();
    }

    private static void CheckPaths(FileBatchOptions options)
    {
        string[] paths = [.. new[] { options.Input, options.Output, options.Errors }.Select(Path.GetFullPath)];
        if (paths.Distinct(StringComparer.Ordinal).Count() < paths.Length)
        {
            throw new BatchException(
                $"Requests, answers and errors must be three files, not {string.Join(", ", paths)}.");
        }
    }

    private async Task StartAllAsync(
        InProcessCalls calls,
        SemaphoreSlim free,
        ChannelWriter<Task<AnsweredLine>> window,
        CancellationToken stop)
    {
        try
        {
            using var input = FileBatchInput.Open(_options);
            while (await input.ReadAsync(stop).ConfigureAwait(false) is { } read)
            {
                var item = _survey.Check(read, _options);
                if (IsDone(item))
                {
                    continue;
                }

                await free.WaitAsync(stop).ConfigureAwait(false);
                var answer = item.Line is null ? Task.FromResult(Refused(item)) : AnswerAsync(calls, item, stop);
                _ = answer.ContinueWith(
                    _ => free.Release(),
                    CancellationToken.None,
                    TaskContinuationOptions.ExecuteSynchronously,
                    TaskScheduler.Default);
                await window.WriteAsync(answer, stop).ConfigureAwait(false);
            }

            window.Complete();
        }
        catch (Exception e)
        {
            window.Complete(e);
            throw;
        }
    }

    private async Task WriteAllAsync(ChannelReader<Task<AnsweredLine>> window, Action<AnsweredLine>? onProgress)
    {
        var clock = System.Diagnostics.Stopwatch.StartNew();
        await foreach (var answer in window.ReadAllAsync(CancellationToken.None).ConfigureAwait(false))
        {
            if (!answer.IsCompleted)
            {
                // What is written outlives the process while the next answer is waited for.
                var toDisk = clock.Elapsed > BetweenSyncs;
                _output.Flush(toDisk);
                _errors.Flush(toDisk);
                if (toDisk)
                {
                    clock.Restart();
                }
            }

            var line = await answer.ConfigureAwait(false);
            if (line.IsAnswer)
            {
                _output.Append(line.Record);
                Interlocked.Increment(ref _answered);
            }
            else
            {
                _errors.Append(line.Record);
                Interlocked.Increment(ref _failed);
            }

            onProgress?.Invoke(line);
        }
    }

    /// <summary>Waits for what was started and will not be written; its failures have been told already.</summary>
    private static async Task SettleAsync(Task starting, ChannelReader<Task<AnsweredLine>> window)
    {
        await starting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        while (window.TryRead(out var answer))
        {
            await ((Task)answer).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private bool IsDone(InputItem item) => item.Line is { } line
        ? _done.Contains(LineName.HashOf(line.CustomId))
        : _doneBadLines.Contains(item.Number);

    private async Task<AnsweredLine> AnswerAsync(InProcessCalls calls, InputItem item, CancellationToken stop)
    {
        // The caller reads on while this computes.
        await Task.Yield();
        var line = item.Line!;
        var name = item.Name.ToString();
        var call = new RepeatableCall(name, item.Name.Seed, _created, LeastPriority: 0);
        while (true)
        {
            var answer = await calls.AnswerAsync(line.Url, line.Body, key: null, call, stop).ConfigureAwait(false);
            if (!answer.IsOfTheMoment)
            {
                var record = BatchRecord.OfAnswer(name, line.CustomId, answer.Status, answer.Body.Span);
                return new AnsweredLine(record, answer.Status == 200);
            }

            if (answer.Code != "overloaded")
            {
                using var error = JsonDocument.Parse(answer.Body);
                var message = error.RootElement.GetProperty("error").GetProperty("message").GetString();
                throw new BatchException($"{message} Run the same command again to go on.");
            }

            await Task.Delay(WhenFull, stop).ConfigureAwait(false);
        }
    }

    private static AnsweredLine Refused(InputItem item)
    {
        var fault = item.Fault!;
        return new AnsweredLine(
            BatchRecord.OfError(
                item.Name.ToString(), customId: null, fault.Code, fault.Message, fault.Param, fault.Line),
            IsAnswer: false);
    }

    /// <summary>What runs before this one have written.</summary>
    private sealed class Found
    {
        public HashSet<UInt128> Lines { get; } = [];

        public HashSet<long> BadLines { get; } = [];

        public long Answered { get; private set; }

        public long Failed { get; private set; }

        public string? Add(RecordKey key, bool isAnswer)
        {
            if (!(key.Line is { } number ? BadLines.Add(number) : Lines.Add(LineName.HashOf(key.CustomId!))))
            {
                return "answers a line that has an answer already";
            }

            (Answered, Failed) = isAnswer ? (Answered + 1, Failed) : (Answered, Failed + 1);
            return null;
        }
    }
}
