using TorchKv.Runtime.Contracts;

namespace TorchKv.Server.Requests;

/// <summary>A constraint that a request's field asks for. Its errors name the field.</summary>
/// <param name="field">The field's name in JSON, with its parents.</param>
/// <param name="constraint">The constraint.</param>
internal sealed class NamedConstraint(string field, TokenConstraint constraint) : TokenConstraint
{
    /// <summary>The constraint.</summary>
    public TokenConstraint Constraint => constraint;

    /// <inheritdoc/>
    public override async ValueTask<ITokenMatcher> CompileAsync(
        ITokenVocabulary vocabulary, CancellationToken cancellationToken = default)
    {
        try
        {
            return await constraint.CompileAsync(vocabulary, cancellationToken).ConfigureAwait(false);
        }
        catch (ConstraintException exception)
        {
            // A schema's pointer begins with #. A grammar's line is in the message.
            var pointer = exception.Pointer?.StartsWith('#') == true ? field + exception.Pointer : field;
            throw new ConstraintException(exception.Message, pointer, exception.Keyword);
        }
    }
}
