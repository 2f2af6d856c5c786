namespace TorchKv.Runtime.Contracts.Live;

/// <summary>
/// A view of a running engine, taken between two of its steps. Disposing it ends the engine's extra work.
/// </summary>
/// <remarks>One caller at a time.</remarks>
public interface ILiveWatch : IAsyncDisposable
{
    /// <summary>Everything as it is now.</summary>
    /// <exception cref="EngineClosedException">The engine has stopped.</exception>
    Task<LiveSnapshot> SnapshotAsync();

    /// <summary>What is not as the last call of this method found it; null where nothing has changed.</summary>
    /// <remarks>
    /// Blocks and requests come whole, so that to apply a change twice does no harm. The first call gives everything.
    /// </remarks>
    /// <exception cref="EngineClosedException">The engine has stopped.</exception>
    Task<LiveChanges?> ChangesAsync();
}
