namespace TorchKv.Runtime;

/// <summary>Thrown when a request cannot be served as it is asked; nothing was queued.</summary>
public sealed class RequestException : TorchKvException
{
    /// <summary>A refusal that names what is wrong.</summary>
    public RequestException(string message)
        : base(message)
    {
    }
}

/// <summary>Thrown when a request comes while as many wait as may wait. Nothing was queued; it may be tried again later.</summary>
public sealed class QueueFullException : TorchKvException
{
    /// <summary>A refusal that names the queue's length and limit, in requests.</summary>
    /// <param name="queued">Requests that wait.</param>
    /// <param name="capacity">The most that may wait.</param>
    public QueueFullException(int queued, int capacity)
        : base($"{queued} requests wait already, and at most {capacity} may; try again later.")
    {
        Queued = queued;
        Capacity = capacity;
    }

    /// <summary>Requests that wait.</summary>
    public int Queued { get; }

    /// <summary>The most that may wait.</summary>
    public int Capacity { get; }
}

/// <summary>Thrown when a request could need more KV blocks than the whole pool has, even with nothing else running.</summary>
public sealed class PoolCapacityException : TorchKvException
{
    /// <summary>A refusal that names both sides, in blocks.</summary>
    /// <param name="needed">Blocks that the request could need.</param>
    /// <param name="capacity">Blocks in the pool.</param>
    /// <param name="blockSize">Tokens in a block.</param>
    public PoolCapacityException(long needed, long capacity, int blockSize)
        : base($"The request may need {needed} KV blocks of {blockSize} tokens, but the pool has {capacity}; ask for fewer tokens or samples, or load with a larger pool.")
    {
        Needed = needed;
        Capacity = capacity;
    }

    /// <summary>Blocks that the request could need.</summary>
    public long Needed { get; }

    /// <summary>Blocks in the pool.</summary>
    public long Capacity { get; }
}

/// <summary>Thrown to the reader of a request that was not done at its deadline.</summary>
public sealed class DeadlineExceededException : TorchKvException
{
    /// <summary>An error that names the deadline and how far the request got.</summary>
    /// <param name="deadline">Time that the request had from its submission.</param>
    /// <param name="generatedTokens">Tokens that were generated until then.</param>
    public DeadlineExceededException(TimeSpan deadline, int generatedTokens)
        : base($"The request was not done after {deadline.TotalSeconds:0.###} s; it had generated {generatedTokens} tokens.")
    {
        Deadline = deadline;
        GeneratedTokens = generatedTokens;
    }

    /// <summary>Time that the request had from its submission.</summary>
    public TimeSpan Deadline { get; }

    /// <summary>Tokens that were generated until then.</summary>
    public int GeneratedTokens { get; }
}

/// <summary>Thrown to the reader of a request whose computation failed; the cause is the inner exception. Other requests go on.</summary>
public sealed class RequestFailedException : TorchKvException
{
    /// <summary>An error with its cause.</summary>
    public RequestFailedException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }
}

/// <summary>Thrown to readers and submitters of an engine that was disposed, or that broke.</summary>
public sealed class EngineClosedException : TorchKvException
{
    /// <summary>An error with its cause, if there is one.</summary>
    public EngineClosedException(Exception? innerException = null)
        : base(innerException is null ? "The engine was disposed." : "The engine stopped: " + innerException.Message, innerException)
    {
    }
}
