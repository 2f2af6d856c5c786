namespace TorchKv.Runtime.Contracts;

/// <summary>
/// Says which texts a request may generate: a JSON schema, a regular expression, a grammar. The engine asks for the
/// tokens that may come next and removes all others before it looks at any other option.
/// </summary>
/// <remarks>
/// One constraint may serve any number of requests at once. TorchKv.Structured has the ready-made constraints.
/// </remarks>
public abstract class TokenConstraint
{
    /// <summary>
    /// Prepares the constraint for a vocabulary. The engine calls this once a request, before it queues it and never on
    /// the thread that runs the model. What takes long should be kept for the next call.
    /// </summary>
    /// <param name="vocabulary">The model's tokens.</param>
    /// <param name="cancellationToken">Ends the preparation.</param>
    /// <returns>A matcher that has seen no token yet.</returns>
    /// <exception cref="ConstraintException">The constraint is wrong, is not supported, or exceeds a limit.</exception>
    public abstract ValueTask<ITokenMatcher> CompileAsync(
        ITokenVocabulary vocabulary, CancellationToken cancellationToken = default);
}
