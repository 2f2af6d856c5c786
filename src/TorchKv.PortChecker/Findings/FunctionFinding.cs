namespace TorchKv.PortChecking.Findings;

/// <summary>The two sides apply different elementwise functions to the same earlier output.</summary>
/// <param name="Input">The module whose output the functions are applied to.</param>
internal abstract record FunctionFinding(string Input) : Finding
{
    /// <summary>Both functions are known forms of GELU.</summary>
    /// <param name="Input">The module whose output the functions are applied to.</param>
    /// <param name="Side">The side that has <paramref name="Function"/>.</param>
    /// <param name="Function">The name of that side's function.</param>
    /// <param name="Other">The name of the other side's function.</param>
    /// <param name="Worst">The largest difference between the outputs.</param>
    public sealed record TwoGelus(string Input, Side Side, string Function, string Other, double Worst)
        : FunctionFinding(Input)
    {
        public override ResemblanceKind Kind => ResemblanceKind.Approximation;
    }

    /// <summary>One side passes its input on.</summary>
    /// <param name="Input">The module whose output is passed on.</param>
    /// <param name="Side">The side without a function.</param>
    /// <param name="Other">The name of the other side's function.</param>
    public sealed record NoFunction(string Input, Side Side, string Other) : FunctionFinding(Input)
    {
        public override ResemblanceKind Kind => ResemblanceKind.Activation;
    }

    /// <summary>Both functions are known.</summary>
    /// <param name="Input">The module whose output the functions are applied to.</param>
    /// <param name="Side">The side that has <paramref name="Function"/>.</param>
    /// <param name="Function">The name of that side's function.</param>
    /// <param name="Other">The name of the other side's function.</param>
    public sealed record TwoFunctions(string Input, Side Side, string Function, string Other) : FunctionFinding(Input)
    {
        public override ResemblanceKind Kind => ResemblanceKind.Activation;
    }

    /// <summary>Both sides have one function, but a few numbers of one side differ from it.</summary>
    /// <param name="Input">The module whose output the function is applied to.</param>
    /// <param name="Function">The function's name.</param>
    /// <param name="Count">How many numbers differ.</param>
    /// <param name="Total">How many numbers there are.</param>
    /// <param name="Worst">The largest difference.</param>
    public sealed record ExceptAFew(string Input, string Function, int Count, int Total, double Worst)
        : FunctionFinding(Input)
    {
        public override ResemblanceKind Kind => ResemblanceKind.Outliers;
    }

    /// <summary>One side's function is known, the other's is not known but close to it.</summary>
    /// <param name="Input">The module whose output the functions are applied to.</param>
    /// <param name="Side">The side whose function is known.</param>
    /// <param name="Function">The name of that function.</param>
    /// <param name="Worst">The largest difference between the outputs.</param>
    public sealed record CloseFunction(string Input, Side Side, string Function, double Worst) : FunctionFinding(Input)
    {
        public override ResemblanceKind Kind => ResemblanceKind.Approximation;
    }

    /// <summary>One side's function is known, the other's is not.</summary>
    /// <param name="Input">The module whose output the functions are applied to.</param>
    /// <param name="Side">The side whose function is known.</param>
    /// <param name="Function">The name of that function.</param>
    public sealed record UnknownFunction(string Input, Side Side, string Function) : FunctionFinding(Input)
    {
        public override ResemblanceKind Kind => ResemblanceKind.Activation;
    }
}
